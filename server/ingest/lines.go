package ingest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
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
	}{Errors: []lineError{}}
	c := chunk{handler: h, done: func(line int, _ int64, p *httpserve.Problem) {
		if p == nil {
			out.Accepted++
			return
		}
		out.Rejected++
		if len(out.Errors) < maxErrors {
			out.Errors = append(out.Errors, lineError{line, p.Message, p.Code})
		}
	}}
	// A deadline in the past wakes the read that a quiet stream waits in. What
	// has arrived whole is appended all the same.
	rc, ctx := http.NewResponseController(w), context.WithoutCancel(draining)
	defer context.AfterFunc(draining, func() { _ = rc.SetReadDeadline(time.Unix(1, 0)) })()

	var broken *httpserve.Problem
	in := bufio.NewReaderSize(r.Body, lineBuffer)
	for line := 1; c.lost == nil; line++ {
		b, err := in.ReadSlice('\n')
		tooLong := errors.Is(err, bufio.ErrBufferFull)
		if tooLong {
			err = discardLine(in)
		}
		if err != nil && !errors.Is(err, io.EOF) { // so b is a piece of a line
			c.flush(ctx)
			broken = brokenStream(draining, line)
			break
		}
		b = bytes.TrimSpace(b)
		switch {
		case tooLong || len(b) > maxSingle:
			c.refuse(line, httpserve.Problemf(http.StatusRequestEntityTooLarge, "too_large", "the line has more than %d bytes: send one reaction a line", maxSingle))
		case len(b) > 0:
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
		status, out.Error, out.Code = broken.Status, broken.Message, broken.Code
		if broken.RetryAfter > 0 {
			w.Header().Set("Retry-After", "1")
		}
	case out.Accepted == 0 && out.Rejected > 0:
		status = http.StatusUnprocessableEntity
	}
	httpserve.WriteJSON(w, status, out)
}

// brokenStream is what a client is told whose stream was not read to its end.
func brokenStream(draining context.Context, line int) *httpserve.Problem {
	if errors.Is(context.Cause(draining), httpserve.ErrDraining) {
		return &httpserve.Problem{
			Status: http.StatusServiceUnavailable, Code: "not_written", RetryAfter: time.Second,
			Message: fmt.Sprintf("the server is stopping and has not read line %d and those after it: send them again after a second", line),
		}
	}
	return httpserve.Problemf(http.StatusBadRequest, "broken_body", "the body ended before its time, in line %d: send that line and those after it again", line)
}

// holdsLine says whether a whole line can be read without waiting.
func holdsLine(in *bufio.Reader) bool {
	b, err := in.Peek(in.Buffered())
	return err == nil && bytes.IndexByte(b, '\n') >= 0
}

// discardLine skips the rest of a line that was too long.
func discardLine(in *bufio.Reader) error {
	for {
		_, err := in.ReadSlice('\n')
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}
