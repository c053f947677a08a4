//go:build unix && !linux

package fanout

import (
	"iter"

	"golang.org/x/sys/unix"
)

// hangups finds out whose client has left, by asking the system for many at once.
type hangups struct {
	fds   []unix.PollFd
	conns []*conn
}

func (*hangups) add(*conn) error { return nil }
func (*hangups) remove(*conn)    {}
func (*hangups) close()          {}

// among yields the connections whose client has left, or sends more than the
// little that is read and thrown away here. Relays tell by themselves.
func (h *hangups) among(conns []*conn) iter.Seq2[*conn, error] {
	h.fds, h.conns = h.fds[:0], h.conns[:0]
	for _, c := range conns {
		if s, ok := c.line.(*socket); ok {
			h.fds = append(h.fds, unix.PollFd{Fd: int32(s.fd), Events: unix.POLLIN})
			h.conns = append(h.conns, c)
		}
	}
	if n, err := unix.Poll(h.fds, 0); err != nil || n == 0 {
		return func(func(*conn, error) bool) {} // when it was interrupted, the next sweep tells
	}
	return func(yield func(*conn, error) bool) {
		defer clear(h.conns)
		for i, fd := range h.fds {
			if fd.Revents == 0 {
				continue
			}
			if err := listen(int(fd.Fd)); err != nil && !yield(h.conns[i], err) {
				return
			}
		}
	}
}
