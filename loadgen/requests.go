package loadgen

import (
	"fmt"
	"time"
)

// requests are what a target is sent, and what its answers mean. All connections
// use one value at once; it keeps nothing.
type requests interface {
	// appendRequest appends the bytes of request n, which is due at a moment.
	appendRequest(dst []byte, n int64, due time.Time) []byte
	// answered adds to out what the answer to request n means.
	answered(out *requestOutcome, n int64, res response)
	// unanswered adds to out what it means that request n got no answer: its
	// reactions are in doubt, unless it certainly did not reach the server.
	unanswered(out *requestOutcome, n int64, unreached bool)
}

// requestOutcome is what became of the reactions of one request.
type requestOutcome struct {
	accepted, rejected, inDoubt int64
	errorKind                   string // what the report counts the request as; empty: no error
	acknowledged                []acknowledgement
	inDoubtEmojis               []int // the emoji of each reaction in doubt
}

// reset empties it, but keeps its memory.
func (o *requestOutcome) reset() {
	*o = requestOutcome{acknowledged: o.acknowledged[:0], inDoubtEmojis: o.inDoubtEmojis[:0]}
}

// acknowledgement is a reaction that was accepted.
type acknowledgement struct {
	at    int64 // accepted_at, Unix ms; 0: the target did not tell. Of publishRequests: the request's number + 1
	due   int64 // Unix µs
	emoji int   // index into the emojis of the run
}

// postHead is the head of a POST up to the length of its body.
func postHead(to *endpoint, path, contentType string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: ", path, to.url.Host, contentType)
}

// appendPost appends a POST: a head made by postHead, and the body that appendBody
// appends. The length is written with a fixed number of digits, so that it can be
// filled in once the body is there.
func appendPost(dst, head []byte, appendBody func([]byte) []byte) []byte {
	dst = append(dst, head...)
	at := len(dst)
	dst = append(dst, "00000000\r\n\r\n"...)
	start := len(dst)
	dst = appendBody(dst)
	for i, n := at+7, len(dst)-start; n > 0; i, n = i-1, n/10 {
		dst[i] = byte('0' + n%10)
	}
	return dst
}
