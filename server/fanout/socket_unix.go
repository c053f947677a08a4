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

// sendBuffer is how much the system keeps for a client that does not read, in
// bytes. Left alone it would keep megabytes, and a slow client would be shown what
// was long ago.
const sendBuffer = 64 << 10

// socket is a line that is the client's own connection, taken from net/http with
// all that it keeps for a request.
type socket struct {
	net.Conn     // owns fd, and is closed by the shard alone
	fd       int // which never blocks
}

// ownConn is the key of a request's connection in its context.
type ownConn struct{}

// ConnContext is an [http.Server]'s: without it all streams go through net/http.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if _, ok := c.(syscall.Conn); ok { // which excludes TLS
		return context.WithValue(ctx, ownConn{}, c)
	}
	return ctx
}

// takeSocket takes the connection of a request, if it can be had, and returns the
// head of the answer, which is yet to be sent: all headers that were set, that the
// connection ends with the stream, and that it comes in chunks unless it is plain.
func takeSocket(w http.ResponseWriter, r *http.Request, plain bool, stall time.Duration) (l line, head []byte, err error) {
	if r.ProtoMajor != 1 || r.Context().Value(ownConn{}) == nil {
		return nil, nil, http.ErrNotSupported
	}
	h := w.Header().Clone()
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	h.Set("Connection", "close")
	if !plain {
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
	_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer)
	abandonAfter(s.fd, stall)
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
			return 0, departure(err)
		}
	}
}

// departure is what an error of a socket says about its client.
func departure(err error) error {
	if errors.Is(err, unix.ETIMEDOUT) {
		return errStalled
	}
	return os.NewSyscallError("stream", err)
}

func (s *socket) close(atOnce bool) {
	if tcp, ok := s.Conn.(*net.TCPConn); ok && atOnce {
		_ = tcp.SetLinger(0) // the system forgets what it still keeps for the client
	}
	_ = s.Close()
}

func (s *socket) from() string { return s.RemoteAddr().String() }

// listen throws away what a client says after its request, to the end of it.
func listen(fd int) error {
	var talk [4096]byte
	for heard := 0; heard < len(talk); {
		switch n, err := unix.Read(fd, talk[heard:]); {
		case err == unix.EAGAIN:
			return nil
		case err == unix.EINTR:
		case err != nil:
			return departure(err)
		case n == 0:
			return errLeft
		default:
			heard += n
		}
	}
	return errTalks
}
