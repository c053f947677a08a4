package loadgen

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/text"
)

// requests makes the requests to a target and interprets its answers. All connections
// use one value concurrently; it holds no state.
type requests interface {
	// appendRequest appends the bytes of request n. due is when the request is due.
	appendRequest(dst []byte, n int64, due time.Time) []byte
	// answered adds to out the meaning of the answer to request n.
	answered(out *requestOutcome, n int64, res response)
	// unanswered adds to out what it means that request n got no answer. Its reactions
	// are in doubt, unless unreached says that it certainly did not reach the server.
	unanswered(out *requestOutcome, n int64, unreached bool)
}

// requestOutcome says what became of the reactions of one request.
type requestOutcome struct {
	accepted, rejected, inDoubt int64
	errorKind                   string // the name under which the report counts the request; empty: no error
	acknowledged                []acknowledgement
	inDoubtKinds                []reactionKind // the kind of each reaction in doubt
}

// statusKind returns the name under which the report counts an answer that accepts
// nothing. path is that of the request. A redirection is counted by the base URL to which
// it leads, with the first part of its path at most: what follows may differ each time.
func statusKind(to *endpoint, path string, res response) string {
	kind := strconv.Itoa(res.status)
	if client.WantsTLS(res.status, res.body) {
		return kind + ", it speaks TLS"
	}
	if wantsCertificate(res.status, res.body) {
		return kind + ", " + string(NoCertificate)
	}
	elsewhere, ok := errors.AsType[*client.RedirectError](to.redirected(path, res.status, res.location))
	if !ok {
		return kind
	}
	parts := strings.SplitN(elsewhere.To, "/", 5) // https:, nothing, host, the first part of the path, the rest
	return kind + " to " + text.Clip(strings.Join(parts[:min(len(parts), 4)], "/"), 80, "…")
}

// reset empties the outcome, but keeps its memory.
func (o *requestOutcome) reset() {
	*o = requestOutcome{acknowledged: o.acknowledged[:0], inDoubtKinds: o.inDoubtKinds[:0]}
}

// acknowledgement is a reaction that was accepted.
type acknowledgement struct {
	at  int64 // accepted_at, Unix ms; 0: the target did not say. With publishRequests: the number of the request + 1
	due int64 // Unix µs
	reactionKind
}

// appendPost appends a POST request: head, made by headers.post, and the body that
// appendBody appends. The length is written after the body, which then moves up to it.
func appendPost(dst []byte, head template, v *values, appendBody func([]byte) []byte) []byte {
	dst = head.append(dst, v)
	at := len(dst)
	var room [maxLengthDigits]byte
	dst = append(dst, room[:]...)
	dst = append(dst, headEnd...)
	start := len(dst)
	dst = appendBody(dst)
	body := dst[start:]
	dst = strconv.AppendInt(dst[:at], int64(len(body)), 10)
	dst = append(dst, headEnd...)
	return append(dst, body...)
}

const (
	maxLengthDigits = 10
	headEnd         = "\r\n\r\n"
)
