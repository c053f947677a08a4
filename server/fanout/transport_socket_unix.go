//go:build unix

package fanout

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sendBuffer is how many bytes the system keeps for a client that does not read. By
// default it keeps megabytes, so that a slow client would be sent old windows.
const sendBuffer = 64 << 10

// socket is the client's connection, taken from net/http, so that the memory that
// net/http keeps for a request is freed. Only the shard closes it.
type socket struct {
	net.Conn     // owns fd
	fd       int // non-blocking
}

// connKey is the key of a request's connection in its context.
type connKey struct{}

// ConnContext puts a connection into the context of its requests, for takeSocket and
// boundSocket. It belongs into an [http.Server]; without it all streams go through
// net/http.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if below, ok := c.(interface{ NetConn() net.Conn }); ok { // of TLS
		c = below.NetConn()
	}
	if _, ok := c.(syscall.Conn); ok {
		return context.WithValue(ctx, connKey{}, c)
	}
	return ctx
}

// boundSocket bounds what the system keeps for a client of a request, and for how long,
// where net/http keeps the socket. Over HTTP/2 that holds for all streams of the client's
// connection. The system waits twice as long as the shard: else it would mostly be the
// first to cut off a client that does not read, and net/http does not tell why one left.
func boundSocket(r *http.Request, stall time.Duration) {
	c, ok := r.Context().Value(connKey{}).(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := c.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { limitSocket(int(fd), 2*stall) }) // it fails if the client has left
	}
}

func limitSocket(fd int, stall time.Duration) {
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer)
	setUserTimeout(fd, stall)
}

// takeSocket takes the connection of a request from net/http, or returns an error if
// that is not possible. It also returns the head of the answer, which the caller must
// send. The head has the headers that were set. It says that the connection ends with
// the stream and, unless unchunked, that the stream comes in chunks.
func takeSocket(w http.ResponseWriter, r *http.Request, unchunked bool, stall time.Duration) (t transport, head []byte, err error) {
	if r.ProtoMajor != 1 || r.TLS != nil || r.Context().Value(connKey{}) == nil {
		return nil, nil, http.ErrNotSupported
	}
	h := w.Header().Clone()
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	h.Set("Connection", "close")
	if !unchunked {
		h.Set("Transfer-Encoding", "chunked")
	}
	out := bytes.NewBufferString("HTTP/1.1 200 OK\r\n")
	_ = h.Write(out)
	out.WriteString("\r\n")
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	s := &socket{Conn: c, fd: -1}
	raw, err := c.(syscall.Conn).SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { s.fd = int(fd) })
	}
	if err != nil {
		_ = c.Close()
		return nil, nil, err
	}
	limitSocket(s.fd, stall)
	return s, out.Bytes(), nil
}

func (s *socket) write(b []byte) (int, error) {
	for {
		switch n, err := unix.Write(s.fd, b); err {
		case nil:
			return n, nil
		case unix.EAGAIN:
			return 0, nil
		case unix.EINTR:
		default:
			return 0, whyLeft(err)
		}
	}
}

// whyLeft returns why a client has left. err is the error of its socket.
func whyLeft(err error) error {
	if errors.Is(err, unix.ETIMEDOUT) {
		return errStalled
	}
	return os.NewSyscallError("stream", err)
}

func (s *socket) close(atOnce bool) {
	if tcp, ok := s.Conn.(*net.TCPConn); ok && atOnce {
		_ = tcp.SetLinger(0) // the system drops what it keeps for the client
	}
	_ = s.Close()
}

func (s *socket) remoteAddr() string { return s.RemoteAddr().String() }

// discardInput reads and drops what a client sends after its request. It returns an
// error if the client has left, or sends more than a little.
func discardInput(fd int) error {
	var input [4096]byte
	for read := 0; read < len(input); {
		switch n, err := unix.Read(fd, input[read:]); {
		case err == unix.EAGAIN:
			return nil
		case err == unix.EINTR:
		case err != nil:
			return whyLeft(err)
		case n == 0:
			return errLeft
		default:
			read += n
		}
	}
	return errTalks
}
