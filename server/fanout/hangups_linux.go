package fanout

import (
	"fmt"
	"iter"

	"golang.org/x/sys/unix"
)

// hangups is told by the system whose client has left, or says something. It has a
// descriptor while there are connections.
type hangups struct {
	epoll  int // 0: none yet
	conns  map[int32]*conn
	events []unix.EpollEvent
}

// add has the system tell of a connection; remove must follow. Relays tell by
// themselves.
func (h *hangups) add(c *conn) error {
	s, ok := c.line.(*socket)
	if !ok {
		return nil
	}
	if h.epoll == 0 {
		epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
		if err != nil {
			return fmt.Errorf("watch connections: %w", err)
		}
		*h = hangups{epoll: epoll, conns: map[int32]*conn{}, events: make([]unix.EpollEvent, 256)}
	}
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(s.fd)}
	if err := unix.EpollCtl(h.epoll, unix.EPOLL_CTL_ADD, s.fd, &e); err != nil {
		return fmt.Errorf("watch a connection: %w", err)
	}
	h.conns[e.Fd] = c
	return nil
}

// remove forgets a connection; the system does when it is closed.
func (h *hangups) remove(c *conn) {
	if s, ok := c.line.(*socket); ok {
		delete(h.conns, int32(s.fd))
	}
}

func (h *hangups) close() {
	if h.epoll != 0 {
		_ = unix.Close(h.epoll)
		*h = hangups{}
	}
}

// among yields the connections, whichever the sweep looks at, whose client has
// left, or sends more than the little that is read and thrown away here.
func (h *hangups) among([]*conn) iter.Seq2[*conn, error] {
	return func(yield func(*conn, error) bool) {
		for n := len(h.events); n > 0 && n == len(h.events); {
			n, _ = unix.EpollWait(h.epoll, h.events, 0) // when it was interrupted, the next tick tells
			for _, e := range h.events[:max(0, n)] {
				c := h.conns[e.Fd]
				if c == nil {
					continue
				}
				if err := listen(int(e.Fd)); err != nil && !yield(c, err) {
					return
				}
			}
		}
	}
}
