package loadgen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/wire"
)

// reactionRequests sends reactions to a main server: single ones to /send_emoji, which
// the Python system has too, or batches to /v1/reactions.
type reactionRequests struct {
	reactionMix
	to         *endpoint
	batch      int64
	channels   []string // reaction i goes to channel i modulo their number
	run        *runValues
	singleHead template // see headers.post
	arrayHead  template
}

var _ requests = (*reactionRequests)(nil)

const (
	singleCall = "/send_emoji"
	arrayCall  = "/v1/reactions"
	jsonType   = "application/json"
)

func newReactionRequests(to *endpoint, run *runValues, h headers, channels []string) *reactionRequests {
	h = h.withToken(run.tokens)
	return &reactionRequests{
		reactionMix: run.mix, to: to, batch: run.batch, channels: channels, run: run,
		singleHead: h.post(template{}.text(to.path(singleCall)), to, jsonType),
		arrayHead:  h.post(template{}.text(to.path(arrayCall)), to, jsonType),
	}
}

func (r *reactionRequests) appendRequest(dst []byte, n int64, due time.Time) []byte {
	v := values{runValues: r.run, number: n, at: due}
	if r.batch == 1 {
		return appendPost(dst, r.singleHead, &v, func(b []byte) []byte { return r.appendReaction(b, n, due) })
	}
	return appendPost(dst, r.arrayHead, &v, func(b []byte) []byte {
		b = append(b, '[')
		for i := range r.batch {
			if i > 0 {
				b = append(b, ',')
			}
			b = r.appendReaction(b, n*r.batch+i, due)
		}
		return append(b, ']')
	})
}

// appendReaction appends reaction i of the run as JSON.
func (r *reactionRequests) appendReaction(b []byte, i int64, due time.Time) []byte {
	user, emoji := r.userAndEmoji(i)
	if r.run.tokens != nil { // then a request is that of one user
		user, _ = r.userAndEmoji(i - i%r.batch)
	}
	b = append(b, `{"user_id":"`...)
	b = r.appendUserInJSON(b, user)
	b = append(b, `","emoji_type":"`...)
	b = append(b, r.emojis[emoji]...)
	b = append(b, `","timestamp":"`...)
	b = wire.AppendTime(b, due.UnixMilli())
	b = append(b, `","channel":"`...)
	b = append(b, r.channels[i%int64(len(r.channels))]...)
	return append(b, `"}`...)
}

// kindOf returns the kind of reaction i of the run.
func (r *reactionRequests) kindOf(i int64) reactionKind {
	_, emoji := r.userAndEmoji(i)
	return reactionKind{int(i % int64(len(r.channels))), emoji}
}

func (r *reactionRequests) answered(out *requestOutcome, n int64, res response) {
	if r.batch > 1 {
		r.answeredArray(out, n, res)
		return
	}
	if res.status == http.StatusOK {
		out.accepted = 1
		out.acknowledged = append(out.acknowledged, acknowledgement{at: acceptedAt(res.body), reactionKind: r.kindOf(n)})
		return
	}
	r.refused(out, n, res)
}

// answeredArray reads an answer with a result for each reaction.
func (r *reactionRequests) answeredArray(out *requestOutcome, n int64, res response) {
	var answer struct {
		Results []struct {
			AcceptedAt time.Time `json:"accepted_at"`
			Code       string    `json:"code"`
		} `json:"results"`
	}
	if err := json.Unmarshal(res.body, &answer); err != nil || int64(len(answer.Results)) != r.batch {
		r.refused(out, n, res)
		return
	}
	for i, result := range answer.Results {
		kind := r.kindOf(n*r.batch + int64(i))
		switch client.AnswerOutcome(http.StatusOK, result.Code) {
		case client.Accepted:
			out.accepted++
			out.acknowledged = append(out.acknowledged, acknowledgement{at: result.AcceptedAt.UnixMilli(), reactionKind: kind})
			continue
		case client.InDoubt:
			out.inDoubt++
			out.inDoubtKinds = append(out.inDoubtKinds, kind)
		case client.Refused, client.NotWritten:
			out.rejected++
		}
		out.errorKind = fmt.Sprintf("%d %s", res.status, result.Code)
	}
}

// refused reads an answer that accepts nothing. If its status is 200 but it lacks the
// results, the reactions are in doubt.
func (r *reactionRequests) refused(out *requestOutcome, n int64, res response) {
	var answer struct {
		Code string `json:"code"`
	}
	out.errorKind = statusKind(r.to, r.to.path(r.call()), res)
	if json.Unmarshal(res.body, &answer) == nil && answer.Code != "" {
		out.errorKind += " " + answer.Code
	}
	outcome := client.AnswerOutcome(res.status, answer.Code)
	r.notAccepted(out, n, outcome == client.Refused || outcome == client.NotWritten)
}

// call returns the call that the requests make.
func (r *reactionRequests) call() string {
	if r.batch == 1 {
		return singleCall
	}
	return arrayCall
}

func (r *reactionRequests) unanswered(out *requestOutcome, n int64, unreached bool) {
	r.notAccepted(out, n, unreached)
}

// notAccepted counts the reactions of request n as rejected or as in doubt.
func (r *reactionRequests) notAccepted(out *requestOutcome, n int64, rejected bool) {
	if rejected {
		out.rejected = r.batch
		return
	}
	out.inDoubt = r.batch
	for i := range r.batch {
		out.inDoubtKinds = append(out.inDoubtKinds, r.kindOf(n*r.batch+i))
	}
}

// acceptedAt returns the accepted_at of an answer in Unix ms, or 0 if it has none. It
// first looks for the exact form that Emostream's servers write, which needs no JSON
// decoding.
func acceptedAt(body []byte) int64 {
	if _, rest, found := bytes.Cut(body, []byte(`"accepted_at":"`)); found && len(rest) > len(wire.TimeFormat) {
		if at, err := time.Parse(wire.TimeFormat, string(rest[:len(wire.TimeFormat)])); err == nil {
			return at.UnixMilli()
		}
	}
	var answer struct {
		AcceptedAt time.Time `json:"accepted_at"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.AcceptedAt.IsZero() {
		return 0
	}
	return answer.AcceptedAt.UnixMilli()
}
