package loadgen

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/errno"
)

// The versions of HTTP of a VersionError.
const (
	HTTP1 = "HTTP/1.1"
	HTTP2 = "HTTP/2"
)

// VersionError says that a server does not speak the version of HTTP that the run does.
type VersionError struct {
	URL    string // base URL of the server
	Lacked string // HTTP1 or HTTP2
}

func (e *VersionError) Error() string { return fmt.Sprintf("%s does not speak %s", e.URL, e.Lacked) }

// otherVersion returns the error of a server that does not speak the version of HTTP that
// is wanted.
func (e *endpoint) otherVersion() error {
	if e.http2 != nil {
		return &VersionError{e.base(), HTTP2}
	}
	return &VersionError{e.base(), HTTP1}
}

// Errors of HTTP/2.
var (
	errHTTP2         = errors.New("the answer is HTTP/2") // to a request by HTTP/1.1
	errStreamRefused = errors.New("the server refused the stream")
	errStreamReset   = errors.New("the server reset the stream")
	errGoingAway     = errors.New("the server ends the connection")
)

// unprocessedError says that the server did nothing with a request.
type unprocessedError struct{ err error }

func (e *unprocessedError) Error() string { return e.err.Error() }
func (e *unprocessedError) Unwrap() error { return e.err }

// isUnprocessed returns whether err, of a round trip, proves that the server did nothing
// with the request.
func isUnprocessed(err error) bool {
	_, noTLS := errors.AsType[*TLSError](err)
	_, otherVersion := errors.AsType[*VersionError](err)
	_, unprocessed := errors.AsType[*unprocessedError](err)
	return noTLS || otherVersion || unprocessed
}

// streamError has the form of the error with which net/http tells that a stream was
// reset, so that errors.As fills it in.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e streamError) Error() string { return fmt.Sprintf("code %d", e.Code) }

// refusedStream is the code of a stream that the server did not process (RFC 9113,
// section 8.7).
const refusedStream = 7

// leavesOut returns whether an error of net/http says that the server did nothing with
// the request: it had sent a GOAWAY, or sent one that leaves the request out.
func leavesOut(err error) bool {
	for _, text := range []string{
		"http2: client conn not usable",
		"http2: Transport received Server's graceful shutdown GOAWAY",
		"http2: Transport received GOAWAY from server ErrCode",
	} {
		if strings.HasPrefix(err.Error(), text) {
			return true
		}
	}
	return false
}

// http2Error returns what an error of net/http's HTTP/2 means.
func (e *endpoint) http2Error(err error) error {
	if reset, ok := errors.AsType[streamError](err); ok {
		if reset.Code == refusedStream {
			return &unprocessedError{errStreamRefused}
		}
		return fmt.Errorf("%w (%w)", errStreamReset, reset)
	}
	switch {
	case leavesOut(err):
		return &unprocessedError{errGoingAway}
	case strings.Contains(err.Error(), "looked like an HTTP/1.1 header"):
		return e.otherVersion()
	case strings.HasPrefix(err.Error(), "http2: server sent GOAWAY and closed"):
		return errClosed // it may have processed the request
	case strings.HasPrefix(err.Error(), "connection error: "):
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	return closedError(e.disagreement(err))
}

const (
	frameHeader   = 9 // bytes
	settingsFrame = 4 // the type
	goAwayFrame   = 7
)

// isHTTP2 returns whether b begins with the frame with which an HTTP/2 server begins, or
// ends at once.
func isHTTP2(b []byte) bool {
	return len(b) >= frameHeader && (b[3] == settingsFrame || b[3] == goAwayFrame) && binary.BigEndian.Uint32(b[5:]) == 0 && b[0] == 0
}

// awaitHTTP2 waits until a server has shown that it speaks HTTP/2, or returns an error.
func (e *endpoint) awaitHTTP2(ctx context.Context, conn net.Conn) error {
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline) // if it fails, what follows fails too
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00" // with empty settings
	if _, err := io.WriteString(conn, preface); err != nil {
		return e.disagreement(err)
	}
	var answer [frameHeader]byte
	_, err := io.ReadFull(conn, answer[:])
	switch {
	case err == nil && isHTTP2(answer[:]):
		return nil
	case err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errno.Reset):
		return e.otherVersion()
	}
	return e.disagreement(err)
}
