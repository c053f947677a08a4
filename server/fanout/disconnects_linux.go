package fanout

import (
	"fmt"
	"iter"

	"golang.org/x/sys/unix"
)

// disconnects finds the listeners on sockets whose client has left, or sends too much.
// On Linux epoll reports them; it takes one file descriptor while there are any. A
// listener on net/http reports by itself that its client has left.
type disconnects struct {
	epoll     int // 0: none yet
	listeners map[int32]*listener
	events    []unix.EpollEvent
}

// add begins to watch a listener; remove must follow.
func (d *disconnects) add(l *listener) error {
	s, ok := l.transport.(*socket)
	if !ok {
		return nil
	}
	if d.epoll == 0 {
		epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
		if err != nil {
			return fmt.Errorf("watch connections: %w", err)
		}
		*d = disconnects{epoll: epoll, listeners: map[int32]*listener{}, events: make([]unix.EpollEvent, 256)}
	}
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(s.fd)}
	if err := unix.EpollCtl(d.epoll, unix.EPOLL_CTL_ADD, s.fd, &e); err != nil {
		return fmt.Errorf("watch a connection: %w", err)
	}
	d.listeners[e.Fd] = l
	return nil
}

// remove ends the watch. The system's own watch ends when the socket is closed.
func (d *disconnects) remove(l *listener) {
	if s, ok := l.transport.(*socket); ok {
		delete(d.listeners, int32(s.fd))
	}
}

func (d *disconnects) close() {
	if d.epoll != 0 {
		_ = unix.Close(d.epoll)
		*d = disconnects{}
	}
}

// among yields the listeners that must be removed, with the reason. epoll reports all
// listeners of the shard at once, so that among has no use for its argument.
func (d *disconnects) among([]*listener) iter.Seq2[*listener, error] {
	return func(yield func(*listener, error) bool) {
		for n := len(d.events); n > 0 && n == len(d.events); {
			n, _ = unix.EpollWait(d.epoll, d.events, 0) // if it is interrupted, the next tick asks again
			for _, e := range d.events[:max(0, n)] {
				l := d.listeners[e.Fd]
				if l == nil {
					continue
				}
				if err := discardInput(int(e.Fd)); err != nil && !yield(l, err) {
					return
				}
			}
		}
	}
}
