package ingest

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/text/quote"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/access"
)

// maxCount is the most that one reaction may count for.
const maxCount = 100

// reaction is a valid reaction, with how often it counts.
type reaction struct {
	wire.Reaction
	count int
}

// reactionBody is a reaction as clients write it. Missing fields are nil, and unknown
// fields are ignored.
type reactionBody struct {
	UserID    *wire.Text `json:"user_id"`
	EmojiType *string    `json:"emoji_type"`
	Timestamp *wire.Text `json:"timestamp"`
	Channel   *string    `json:"channel"`
	Count     *count     `json:"count"`
}

// count is a whole JSON number, however it is written: floats of Python come as 5.0.
type count int

// UnmarshalJSON fails with a *json.UnmarshalTypeError if b is no whole number.
func (c *count) UnmarshalJSON(b []byte) error {
	err := json.Unmarshal(b, (*int)(c))
	if f, failed := strconv.ParseFloat(string(b), 64); err != nil && failed == nil && math.Abs(f) <= math.MaxInt32 && f == math.Trunc(f) {
		*c = count(f)
		return nil
	}
	return err
}

// part is the part of a request that holds one reaction, as refusals call it.
type part string

// The parts.
const (
	wholeBody part = "body"
	arrayItem part = "item"
	oneLine   part = "line"
)

// parse reads one reaction of a caller from a part. The refusal says which field is wrong
// and what is allowed. A missing timestamp is left empty. A user_id that the caller has
// proven by its token may be missing, and no other is taken from it.
func parse(p part, b []byte, caller *access.Caller) (reaction, *httpserve.Refusal) {
	if !utf8.Valid(b) {
		return reaction{}, httpserve.RefuseOtherThanUTF8(string(p), b)
	}
	if f, ok := wire.ScanFlatReaction(b); ok && (f.UserID.Exists() || caller.Subject != "") && f.Emoji.Exists() {
		text := string(b)
		out := reaction{Reaction: wire.Reaction{UserID: f.UserID.InString(text), Timestamp: f.Timestamp.InString(text), Channel: wire.MainChannel}, count: f.Count}
		if f.Channel.Exists() {
			out.Channel = f.Channel.InString(text)
		}
		return out, out.normalize(f.Emoji.InString(text), caller)
	}
	return parseAny(p, b, caller)
}

// parseAny reads one reaction with encoding/json, however it is written.
func parseAny(p part, b []byte, caller *access.Caller) (reaction, *httpserve.Refusal) {
	if len(bytes.TrimSpace(b)) == 0 {
		return reaction{}, httpserve.Refusalf(http.StatusBadRequest, "empty_body", `the %s is empty: send a JSON object like {"user_id":"ann","emoji_type":"🔥"}`, p)
	}
	var in *reactionBody
	if err := json.Unmarshal(b, &in); err != nil {
		return reaction{}, badJSON(p, b, err)
	}
	switch {
	case in == nil:
		return reaction{}, notAnObject(p, "null")
	case in.UserID == nil && caller.Subject == "":
		return reaction{}, missing("user_id")
	case in.EmojiType == nil:
		return reaction{}, missing("emoji_type")
	}
	out := reaction{Reaction: wire.Reaction{Channel: wire.MainChannel}, count: 1}
	if in.UserID != nil {
		out.UserID = string(*in.UserID)
	}
	if in.Timestamp != nil {
		out.Timestamp = string(*in.Timestamp)
	}
	if in.Channel != nil {
		out.Channel = *in.Channel
	}
	if in.Count != nil {
		out.count = int(*in.Count)
	}
	return out, out.normalize(*in.EmojiType, caller)
}

// normalize sets the emoji from what the client typed, in the one spelling that the
// emoji has here, and the user as whom the caller sends. It returns a refusal if typed is
// no emoji, the caller may not send as that user, or a field is out of bounds.
func (r *reaction) normalize(typed string, caller *access.Caller) (refusal *httpserve.Refusal) {
	if r.UserID, refusal = caller.SendsAs(r.UserID); refusal != nil {
		return refusal
	}
	invalid := func(code, format string, args ...any) *httpserve.Refusal {
		return httpserve.Refusalf(http.StatusUnprocessableEntity, code, format, args...)
	}
	switch {
	case len(r.UserID) == 0 || len(r.UserID) > wire.MaxUserID:
		return invalid("invalid_user_id", "user_id has %d bytes: 1 to %d are allowed", len(r.UserID), wire.MaxUserID)
	case len(r.Timestamp) > wire.MaxTimestamp:
		return invalid("invalid_timestamp", "timestamp has %d bytes: up to %d are allowed", len(r.Timestamp), wire.MaxTimestamp)
	case !wire.ValidChannel(r.Channel):
		return invalid("invalid_channel", "channel %s: 1 to %d of A-Z a-z 0-9 . _ - are allowed", quote.Text(r.Channel, 32), wire.MaxChannel)
	case r.count < 1 || r.count > maxCount:
		return invalid("invalid_count", "count %d: 1 to %d are allowed", r.count, maxCount)
	}
	e, err := emoji.Parse(typed)
	if err != nil {
		return invalid("not_an_emoji", "emoji_type: %v", err)
	}
	r.Emoji = string(e)
	return nil
}

func missing(field string) *httpserve.Refusal {
	return httpserve.Refusalf(http.StatusBadRequest, "missing_field", `the field %s is missing: send a JSON object like {"user_id":"ann","emoji_type":"🔥"}`, field)
}

func notAnObject(p part, kind string) *httpserve.Refusal {
	arrays := ""
	if kind == "array" && p != arrayItem {
		arrays = "; an array goes to /v1/reactions as application/json"
	}
	return httpserve.Refusalf(http.StatusBadRequest, "not_an_object", `the %s is a JSON %.20s: send an object like {"user_id":"ann","emoji_type":"🔥"}%s`, p, kind, arrays)
}

// admit reads a reaction from JSON, which is a part of a request, and refuses it if its
// client may not send it, or this server does not take it now: because of its emoji, its
// channel, what managers have set, or the quotas of its user and of its address.
func (h *Handler) admit(p part, json []byte, from client) (reaction, *httpserve.Refusal) {
	one, refusal := parse(p, json, from.caller)
	if refusal != nil {
		return one, refusal
	}
	if refusal := from.caller.May(access.Send, one.Channel); refusal != nil {
		return one, refusal
	}
	if refusal := h.emojis.refusal(one.Emoji); refusal != nil {
		return one, refusal
	}
	if refusal := h.cfg.Channels.refusal(one.Channel); refusal != nil {
		return one, refusal
	}
	now := time.Now()
	if refusal := h.managed.refusal(one, now); refusal != nil {
		return one, refusal
	}
	if from.caller.SendsForOthers() {
		from = h.as(from, one.UserID)
	}
	if refusal := h.quotas.take(one, from); refusal != nil {
		return one, refusal
	}
	slowed, refusal := h.managed.take(one, from, now)
	if refusal == nil {
		if refusal = h.channels.admit(one.Channel, from.address); refusal != nil {
			slowed.refund()
		}
	}
	if refusal != nil {
		h.quotas.refund(one, from)
	}
	return one, refusal
}
