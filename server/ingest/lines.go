package ingest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
)

// lineError is a refused line of a stream.
type lineError struct {
	Line  int    `json:"line"`
	Error string `json:"error"`
	Code  string `json:"code"`
}

// lines takes a stream with one reaction a line, of any length, without ever
// holding more than a chunk of it. It ends with the body, when the log does not
// take a chunk, or when draining does: what was read by then gets its answer.
func (h *Handler) lines(draining context.Context, w http.ResponseWriter, r *http.Request) {
	out := struct {
		Accepted int         `json:"accepted"`
		Rejected int         `json:"rejected"`
		Errors   []lineError `json:"errors"`
		Error    string      `json:"error,omitempty"`
		Code     string      `json:"code,omitempty"`
		ID       string      `json:"request_id,omitempty"` // where there is an error
	}{Errors: []lineError{}}
	c := chunk{handler: h, from: h.quotas.from(r), done: func(line int, _ int64, p *httpserve.Refusal) {
		if p == nil {
			out.Accepted++
			return
		}
		out.Rejected++
		if len(out.Errors) < maxErrors {
			out.Errors = append(out.Errors, lineError{line, p.Message, p.Code})
		}
	}}
	// A quiet stream waits in a read. What has arrived whole is appended all the
	// same when that is woken, or when the client is gone.
	ctx := context.WithoutCancel(draining)
	defer context.AfterFunc(draining, func() { hangUp(w) })()

	var broken *httpserve.Refusal
	in := bufio.NewReaderSize(&patient{r.Body, http.NewResponseController(w), w, h.gate.StreamIdleTimeout, draining}, lineBuffer)
	for line := 1; c.lost == nil; line++ {
		b, tooLong, err := readLine(in)
		blank := len(b) == 0 && !tooLong
		if err != nil && !errors.Is(err, io.EOF) || !blank && stopping(draining) {
			c.flush(ctx)
			broken = brokenStream(draining, line, err)
			break
		}
		switch {
		case tooLong:
			c.refuse(line, httpserve.Refusalf(http.StatusRequestEntityTooLarge, "too_large", "the line has more than %d bytes: send one reaction a line", maxSingle))
		case !blank:
			c.add(ctx, line, b)
		}
		if err != nil {
			c.flush(ctx)
			break
		}
		if !holdsLine(in) {
			c.flush(ctx) // no other has arrived whole: do not keep what has waiting
		}
	}
	if c.lost != nil {
		broken = c.lost
	}
	status := http.StatusOK
	switch {
	case broken != nil:
		hangUp(w)
		status, out.Error, out.Code, out.ID = broken.Status, broken.Message, broken.Code, httpserve.RequestID(w, r)
		if broken.RetryAfter > 0 {
			w.Header().Set("Retry-After", "1")
		}
	case out.Accepted == 0 && out.Rejected > 0:
		status = http.StatusUnprocessableEntity
	}
	answering(w)
	httpserve.WriteJSON(w, status, out)
}

// stopping says whether the server is, so that the log is asked once more at most.
func stopping(draining context.Context) bool {
	return draining.Err() != nil && errors.Is(context.Cause(draining), httpserve.ErrDraining)
}

// brokenStream is what a client is told whose stream was not read to its end.
func brokenStream(draining context.Context, line int, err error) *httpserve.Refusal {
	if stopping(draining) {
		return &httpserve.Refusal{
			Status: http.StatusServiceUnavailable, Code: "not_written", RetryAfter: time.Second,
			Message: fmt.Sprintf("the server is stopping and has not taken line %d and those after it: send them again after a second", line),
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return tooSlow(fmt.Sprintf("nothing came for too long, in line %d: send that line and those after it again, and end a stream that has nothing to say", line))
	}
	return httpserve.Refusalf(http.StatusBadRequest, "broken_body", "the body ended before its time, in line %d: send that line and those after it again", line)
}

// readLine returns the next line without white space around it. Of one that is
// too long nothing is kept; where the error is neither nil nor io.EOF, what is
// returned is a piece of a line.
func readLine(in *bufio.Reader) (b []byte, tooLong bool, err error) {
	b, err = in.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		b = bytes.TrimSpace(b)
		return b, len(b) > maxSingle, err
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = in.ReadSlice('\n')
	}
	return nil, true, err
}

// holdsLine says whether a whole line can be read without waiting.
func holdsLine(in *bufio.Reader) bool {
	b, err := in.Peek(in.Buffered())
	return err == nil && bytes.IndexByte(b, '\n') >= 0
}
