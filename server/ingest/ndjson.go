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
	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/text"
)

// lineBuffer is how many bytes of a stream are read at once.
const lineBuffer = 64 << 10

// ndjson takes in a stream with one reaction a line. The stream may have any length: no
// more than a batch of it is in memory. ndjson reads until the body ends, the log does
// not take a batch, or the server stops. Then it answers with the outcomes of the lines
// that it has read. It stops, too, when the client's token has run out.
//
// The context open ends when the server begins to drain, or when the client has left.
func (h *Handler) ndjson(open context.Context, w http.ResponseWriter, r *http.Request, from client) {
	// Lines that have arrived whole are appended even after open has ended.
	ctx := context.WithoutCancel(open)
	// A read that waits for a silent client must end soon after open does.
	defer context.AfterFunc(open, func() { limitUnreadBody(w) })()

	answer := linesAnswer{Errors: []lineError{}}
	bulk := bulk{handler: h, part: oneLine, from: from, record: answer.record, turn: h.turns.of(from.address)}
	defer bulk.turn.end()
	var broken *httpserve.Refusal
	body := &idleTimeoutReader{body: r.Body, w: w, timeout: h.inFlight.StreamIdleTimeout, open: open, lineCame: true}
	in := bufio.NewReaderSize(body, lineBuffer)
	for line := 1; bulk.logFailure == nil; line++ {
		b, tooLong, err := readLine(in)
		blank := len(b) == 0 && !tooLong
		if err != nil && !errors.Is(err, io.EOF) || !blank && serverStops(open) {
			bulk.flush(ctx)
			broken = brokenStream(open, line, err)
			break
		}
		if !blank {
			body.lineCame = true
		}
		if line == 1 {
			if broken = httpserve.RefuseUTF16(string(wholeBody), b); broken != nil {
				break
			}
		}
		if !blank {
			if broken = h.mayNotAnyMore(r, &bulk.from, line); broken != nil {
				bulk.flush(ctx)
				break
			}
		}
		switch {
		case tooLong:
			bulk.refuse(line, httpserve.Refusalf(http.StatusRequestEntityTooLarge, "too_large", "the line has more than %d bytes: %s", maxReactionBytes, oneALine))
		case !blank:
			bulk.turn.begin()
			bulk.add(ctx, line, b)
		}
		if err != nil {
			bulk.flush(ctx)
			break
		}
		if !hasLine(in) {
			bulk.turn.end()
			bulk.flush(ctx) // the next read may wait for the client, and what has arrived must not wait with it
			// A stream whose address has no token left is read no faster than it gets some.
			_ = sleep.For(open, min(time.Second, h.quotas.delay(bulk.from)))
		}
	}
	if bulk.logFailure != nil {
		broken = bulk.logFailure
	}
	bulk.turn.end()
	answer.send(w, r, broken)
}

// serverStops says whether the context of a stream ended because the server stops, and
// not because the client left. If so, at most one more batch is appended.
func serverStops(open context.Context) bool {
	return open.Err() != nil && errors.Is(context.Cause(open), httpserve.ErrDraining)
}

// brokenStream returns the refusal of a stream that was not read to its end. line is
// the first line that was not taken. err is the error of the last read, if there was
// one.
func brokenStream(open context.Context, line int, err error) *httpserve.Refusal {
	if serverStops(open) {
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

// readLine returns the next line without white space around it, and without a byte order
// mark before it: where files are sent one after the other, any line may begin with one.
// It skips a line that is too long. If the error is neither nil nor io.EOF, b is only a
// part of a line.
func readLine(in *bufio.Reader) (b []byte, tooLong bool, err error) {
	b, err = in.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		b = bytes.TrimSpace(b)
		if bare := text.WithoutMarks(b); len(bare) < len(b) {
			b = bytes.TrimSpace(bare)
		}
		return b, len(b) > maxReactionBytes, err
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = in.ReadSlice('\n')
	}
	return nil, true, err
}

// hasLine says whether a whole line can be read without waiting.
func hasLine(in *bufio.Reader) bool {
	b, err := in.Peek(in.Buffered())
	return err == nil && bytes.IndexByte(b, '\n') >= 0
}

// idleTimeoutReader reads the body of a stream. The whole body may take any time, but
// reads fail when for the length of the timeout no line came to its end. Blank lines and
// parts of lines do not count: they would hold a stream open at no cost.
type idleTimeoutReader struct {
	body     io.Reader
	w        http.ResponseWriter
	timeout  time.Duration
	open     context.Context //nolint:containedctx // of one request, as its body
	lineCame bool            // since the deadline was set; set by the caller
	deadline time.Time
}

func (r *idleTimeoutReader) Read(b []byte) (int, error) {
	if r.lineCame {
		r.lineCame, r.deadline = false, time.Now().Add(r.timeout)
	}
	_ = http.NewResponseController(r.w).SetReadDeadline(r.deadline) // fails in tests without a network
	if r.open.Err() != nil {
		limitUnreadBody(r.w) // the line above has replaced the short deadline
	}
	return r.body.Read(b)
}
