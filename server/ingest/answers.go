package ingest

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/wire"
)

const (
	maxListedErrors = 100              // in the answer to a stream
	answerTimeout   = 10 * time.Second // in which a client must read the answer to a bulk
)

// refuse answers with a refusal, counts it, and logs it at debug level.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, refusal *httpserve.Refusal) {
	h.refused.WithLabelValues(refusal.Code).Inc()
	if h.cfg.Logger.Enabled(r.Context(), slog.LevelDebug) {
		h.cfg.Logger.Debug("refused", "path", r.URL.Path, "from", r.RemoteAddr, "request_id", httpserve.RequestID(w, r), "code", refusal.Code, "error", refusal.Message)
	}
	refusal.ServeHTTP(w, r)
}

// refuseUnread refuses a request without reading its body. If the body has arrived,
// as is the rule, the connection can be used again.
func (h *Handler) refuseUnread(w http.ResponseWriter, r *http.Request, refusal *httpserve.Refusal) {
	limitUnreadBody(w)
	h.refuse(w, r, refusal)
}

// answerQueued answers to one reaction, which was accepted at a time in ms.
func (b *buffers) answerQueued(w http.ResponseWriter, acceptedAt int64) {
	b.answer = append(b.answer[:0], `{"status":"Message queued","accepted_at":"`...)
	b.answer = wire.AppendTime(b.answer, acceptedAt)
	b.answer = append(b.answer, "\"}\n"...)
	w.Header()["Content-Type"] = b.contentType
	_, _ = w.Write(b.answer) // a client that left needs no answer
}

// arrayAnswer is the answer to an array: the outcome of each reaction in it.
type arrayAnswer struct {
	Accepted int          `json:"accepted"`
	Rejected int          `json:"rejected"`
	Results  []itemResult `json:"results"`
}

// itemResult is the outcome of one reaction in an array.
type itemResult struct {
	AcceptedAt string `json:"accepted_at,omitempty"`
	Error      string `json:"error,omitempty"`
	Code       string `json:"code,omitempty"`
}

// record sets the outcome of item i: accepted at a time in ms, or refused.
func (a *arrayAnswer) record(i int, acceptedAt int64, refusal *httpserve.Refusal) {
	if refusal == nil {
		a.Accepted++
		a.Results[i] = itemResult{AcceptedAt: formatTime(acceptedAt)}
		return
	}
	a.Rejected++
	a.Results[i] = itemResult{Error: refusal.Message, Code: refusal.Code}
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
	RequestID string      `json:"request_id,omitempty"` // if there is an error
}

// lineError is a refused line of a stream.
type lineError struct {
	Line  int    `json:"line"`
	Error string `json:"error"`
	Code  string `json:"code"`
}

// record adds the outcome of a line: accepted, or refused.
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

// send sends the answer. Broken is why the stream was not read to its end.
func (a *linesAnswer) send(w http.ResponseWriter, r *http.Request, broken *httpserve.Refusal) {
	status := http.StatusOK
	switch {
	case broken != nil:
		limitUnreadBody(w)
		status, a.Error, a.Code, a.RequestID = broken.Status, broken.Message, broken.Code, httpserve.RequestID(w, r)
		if broken.RetryAfter > 0 {
			w.Header().Set("Retry-After", "1")
		}
	case a.Accepted == 0 && a.Rejected > 0:
		status = http.StatusUnprocessableEntity
	}
	limitAnswer(w)
	httpserve.WriteJSON(w, status, a)
}

// limitAnswer bounds the time in which a client reads its answer, from now on: the
// server's own bound may be over by now, since a stream or the log may take long.
func limitAnswer(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout)) // fails in tests without a network
}

func formatTime(ms int64) string { return string(wire.AppendTime(nil, ms)) }
