package ingest

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/wire"
)

const (
	maxListedErrors = 100              // how many refused lines the answer to a stream lists
	answerTimeout   = 10 * time.Second // how long a client may take to read the answer to an array or a stream
)

// refuse answers with a refusal, counts it, and logs it at debug level.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, refusal *httpserve.Refusal) {
	h.refused.WithLabelValues(refusal.Code).Inc()
	if h.cfg.Logger.Enabled(r.Context(), slog.LevelDebug) {
		h.cfg.Logger.Debug("refused", "path", r.URL.Path, "from", r.RemoteAddr, "request_id", httpserve.RequestID(w, r), "code", refusal.Code, "error", refusal.Message)
	}
	refusal.ServeHTTP(w, r)
}

// refuseUnread refuses a request without reading its body. If the body has already
// arrived, which is usual, the connection can be used for another request.
func (h *Handler) refuseUnread(w http.ResponseWriter, r *http.Request, refusal *httpserve.Refusal) {
	httpserve.LimitRefusedBody(w)
	h.refuse(w, r, refusal)
}

// answerQueued answers a request with one reaction. acceptedAt is when that was
// accepted, in ms since 1970.
func (b *buffers) answerQueued(w http.ResponseWriter, acceptedAt int64) {
	b.answer = append(b.answer[:0], `{"status":"Message queued","accepted_at":"`...)
	b.answer = wire.AppendTime(b.answer, acceptedAt)
	b.answer = append(b.answer, "\"}\n"...)
	w.Header()["Content-Type"] = b.contentType
	_, _ = w.Write(b.answer) // a client that left needs no answer
}

// arrayAnswer is the answer to an array: the outcome of each reaction in it. Errors are
// given in full until they have as many bytes as the array had, and then by their codes
// alone, so that the answer is not many times as large as the array.
type arrayAnswer struct {
	Accepted int          `json:"accepted"`
	Rejected int          `json:"rejected"`
	Results  []itemResult `json:"results"`

	errorBytes int // how many bytes of errors may still be given
}

// minErrorBytes is how many bytes of errors the answer to any array may have.
const minErrorBytes = 16 << 10

// newArrayAnswer returns the answer to an array of that many items and bytes.
func newArrayAnswer(items, bytes int) *arrayAnswer {
	return &arrayAnswer{Results: make([]itemResult, items), errorBytes: max(bytes, minErrorBytes)}
}

// itemResult is the outcome of one reaction in an array.
type itemResult struct {
	AcceptedAt string `json:"accepted_at,omitempty"`
	Error      string `json:"error,omitempty"`
	Code       string `json:"code,omitempty"`
}

// record sets the outcome of item i. If refusal is nil, the item was accepted at
// acceptedAt, in ms since 1970.
func (a *arrayAnswer) record(i int, acceptedAt int64, refusal *httpserve.Refusal) {
	if refusal == nil {
		a.Accepted++
		a.Results[i] = itemResult{AcceptedAt: formatTime(acceptedAt)}
		return
	}
	a.Rejected++
	a.Results[i].Code = refusal.Code
	if a.errorBytes -= len(refusal.Message); a.errorBytes >= 0 {
		a.Results[i].Error = refusal.Message
	}
}

// send sends the answer. If nothing was accepted and the log failed, the answer is
// that failure alone.
func (a *arrayAnswer) send(w http.ResponseWriter, r *http.Request, logFailure *httpserve.Refusal) {
	limitAnswer(w)
	switch {
	case a.Accepted > 0 || len(a.Results) == 0:
		httpserve.WriteJSON(w, http.StatusOK, a)
	case logFailure != nil:
		logFailure.ServeHTTP(w, r)
	default:
		httpserve.WriteJSON(w, http.StatusUnprocessableEntity, a)
	}
}

// linesAnswer is the answer to a stream of lines: how many were accepted and
// rejected, the first errors, and why the stream was not read to its end, if so.
type linesAnswer struct {
	Accepted  int         `json:"accepted"`
	Rejected  int         `json:"rejected"`
	Errors    []lineError `json:"errors"`
	Error     string      `json:"error,omitempty"`
	Code      string      `json:"code,omitempty"`
	RequestID string      `json:"request_id,omitempty"` // empty if Error is
}

// lineError is a refused line of a stream.
type lineError struct {
	Line  int    `json:"line"`
	Error string `json:"error"`
	Code  string `json:"code"`
}

// record adds the outcome of a line, which was accepted if refusal is nil.
func (a *linesAnswer) record(line int, _ int64, refusal *httpserve.Refusal) {
	if refusal == nil {
		a.Accepted++
		return
	}
	a.Rejected++
	if len(a.Errors) < maxListedErrors {
		a.Errors = append(a.Errors, lineError{line, refusal.Message, refusal.Code})
	}
}

// send sends the answer. broken says why the stream was not read to its end; nil: it
// was.
func (a *linesAnswer) send(w http.ResponseWriter, r *http.Request, broken *httpserve.Refusal) {
	status := http.StatusOK
	switch {
	case broken != nil:
		limitUnreadBody(w)
		status, a.Error, a.Code, a.RequestID = broken.Status, broken.Message, broken.Code, httpserve.RequestID(w, r)
		if broken.RetryAfter > 0 {
			w.Header().Set("Retry-After", "1")
		}
		if broken.Challenge != "" {
			w.Header().Set("WWW-Authenticate", broken.Challenge)
		}
	case a.Accepted == 0 && a.Rejected > 0:
		status = http.StatusUnprocessableEntity
	}
	limitAnswer(w)
	httpserve.WriteJSON(w, status, a)
}

// limitAnswer gives the client answerTimeout from now on to read its answer. The write
// timeout of the server may have passed by now, since a stream or the log may take
// long.
func limitAnswer(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout)) // fails in tests without a network
}

func formatTime(ms int64) string { return string(wire.AppendTime(nil, ms)) }
