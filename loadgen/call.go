package loadgen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/wire"
)

// calls are the requests of a target, and what its answers mean. It is used by
// all connections at once and keeps nothing.
type calls interface {
	// compose appends request n, which is due at a moment.
	compose(dst []byte, n int64, due time.Time) []byte
	// judge says what became of it; v is empty.
	judge(v *verdict, n int64, a answer)
	// failed says what became of it when there was no answer; certain means that
	// it never reached the server.
	failed(v *verdict, n int64, certain bool)
}

// verdict is what became of the reactions of one request.
type verdict struct {
	accepted, rejected, inDoubt int64
	kind                        string // of error; empty: there was none
	acked                       []acked
	doubts                      []int // emojis
}

func (v *verdict) reset() { *v = verdict{acked: v.acked[:0], doubts: v.doubts[:0]} }

// acked is a reaction that was acknowledged.
type acked struct {
	at   int64 // accepted_at, Unix ms; 0: the target does not say
	due  int64 // Unix us
	kind int   // of emoji
}

// taps are the calls of Emostream, which the Python system has too: one reaction
// to /send_emoji, or a batch of them to /v1/reactions.
type taps struct {
	mix
	batch   int64
	channel string
	single  []byte // head up to the length of the body
	array   []byte
}

func newTaps(to *place, m mix, batch int, channel string) *taps {
	return &taps{
		mix: m, batch: int64(batch), channel: channel,
		single: postHead(to, to.path("/send_emoji"), "application/json"),
		array:  postHead(to, to.path("/v1/reactions"), "application/json"),
	}
}

func postHead(to *place, path, contentType string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: ", path, to.url.Host, contentType)
}

// appendRequest appends a request whose body body appends. The length has a fixed
// number of digits, so that it can be filled in afterwards.
func appendRequest(dst, head []byte, body func([]byte) []byte) []byte {
	dst = append(dst, head...)
	at := len(dst)
	dst = append(dst, "00000000\r\n\r\n"...)
	start := len(dst)
	dst = body(dst)
	for i, n := at+7, len(dst)-start; n > 0; i, n = i-1, n/10 {
		dst[i] = byte('0' + n%10)
	}
	return dst
}

func (t *taps) compose(dst []byte, n int64, due time.Time) []byte {
	if t.batch == 1 {
		return appendRequest(dst, t.single, func(b []byte) []byte { return t.reaction(b, n, due) })
	}
	return appendRequest(dst, t.array, func(b []byte) []byte {
		b = append(b, '[')
		for i := range t.batch {
			if i > 0 {
				b = append(b, ',')
			}
			b = t.reaction(b, n*t.batch+i, due)
		}
		return append(b, ']')
	})
}

func (t *taps) reaction(b []byte, i int64, due time.Time) []byte {
	user, kind := t.of(i)
	b = append(b, `{"user_id":"bench-`...)
	b = strconv.AppendInt(b, int64(user), 10)
	b = append(b, `","emoji_type":"`...)
	b = append(b, t.emojis[kind]...)
	b = append(b, `","timestamp":"`...)
	b = wire.AppendTime(b, due.UnixMilli())
	b = append(b, `","channel":"`...)
	b = append(b, t.channel...)
	return append(b, `"}`...)
}

func (t *taps) judge(v *verdict, n int64, a answer) {
	if t.batch > 1 {
		t.judgeArray(v, n, a)
		return
	}
	if a.status == 200 {
		_, kind := t.of(n)
		v.accepted = 1
		v.acked = append(v.acked, acked{at: acceptedAt(a.body), kind: kind})
		return
	}
	t.refused(v, n, a)
}

// judgeArray reads an answer that tells of each reaction.
func (t *taps) judgeArray(v *verdict, n int64, a answer) {
	var said struct {
		Results []struct {
			AcceptedAt time.Time `json:"accepted_at"`
			Code       string    `json:"code"`
		} `json:"results"`
	}
	if err := json.Unmarshal(a.body, &said); err != nil || int64(len(said.Results)) != t.batch {
		t.refused(v, n, a)
		return
	}
	for i, r := range said.Results {
		_, kind := t.of(n*t.batch + int64(i))
		switch client.AnswerOutcome(http.StatusOK, r.Code) {
		case client.Accepted:
			v.accepted++
			v.acked = append(v.acked, acked{at: r.AcceptedAt.UnixMilli(), kind: kind})
			continue
		case client.InDoubt:
			v.inDoubt++
			v.doubts = append(v.doubts, kind)
		case client.Refused, client.NotWritten:
			v.rejected++
		}
		v.kind = fmt.Sprintf("%d %s", a.status, r.Code)
	}
}

// refused takes in an answer that is no acknowledgement. One of 200 that does not
// tell what it should leaves the reactions in doubt.
func (t *taps) refused(v *verdict, n int64, a answer) {
	var said struct {
		Code string `json:"code"`
	}
	v.kind = strconv.Itoa(a.status)
	if json.Unmarshal(a.body, &said) == nil && said.Code != "" {
		v.kind += " " + said.Code
	}
	outcome := client.AnswerOutcome(a.status, said.Code)
	t.failed(v, n, outcome == client.Refused || outcome == client.NotWritten)
}

func (t *taps) failed(v *verdict, n int64, certain bool) {
	if certain {
		v.rejected = t.batch
		return
	}
	v.inDoubt = t.batch
	for i := range t.batch {
		_, kind := t.of(n*t.batch + i)
		v.doubts = append(v.doubts, kind)
	}
}

// acceptedAt finds the time in an answer, as a rule without decoding it.
func acceptedAt(body []byte) int64 {
	if _, rest, found := bytes.Cut(body, []byte(`"accepted_at":"`)); found && len(rest) > len(wire.TimeFormat) {
		if at, ok := parseTime(rest[:len(wire.TimeFormat)]); ok {
			return at
		}
	}
	var said struct {
		AcceptedAt time.Time `json:"accepted_at"`
	}
	if json.Unmarshal(body, &said) != nil || said.AcceptedAt.IsZero() {
		return 0
	}
	return said.AcceptedAt.UnixMilli()
}

// parseTime reads a time as we write it.
func parseTime(b []byte) (int64, bool) {
	t, err := time.Parse(wire.TimeFormat, string(b))
	return t.UnixMilli(), err == nil
}
