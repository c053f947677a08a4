//go:build unix && !linux

package fanout

import (
	"iter"

	"golang.org/x/sys/unix"
)

// disconnects finds the listeners on sockets whose client has left, or sends too much.
// Here poll is asked about many sockets at once. A listener on net/http reports by
// itself that its client has left.
type disconnects struct {
	fds       []unix.PollFd
	listeners []*listener // of the same indices
}

func (*disconnects) add(*listener) error { return nil }
func (*disconnects) remove(*listener)    {}
func (*disconnects) close()              {}

// among yields those of the given listeners that must be removed, with the reason.
func (d *disconnects) among(some []*listener) iter.Seq2[*listener, error] {
	d.fds, d.listeners = d.fds[:0], d.listeners[:0]
	for _, l := range some {
		if s, ok := l.transport.(*socket); ok {
			d.fds = append(d.fds, unix.PollFd{Fd: int32(s.fd), Events: unix.POLLIN})
			d.listeners = append(d.listeners, l)
		}
	}
	if n, err := unix.Poll(d.fds, 0); err != nil || n == 0 {
		return func(func(*listener, error) bool) {} // if it was interrupted, the next round asks again
	}
	return func(yield func(*listener, error) bool) {
		defer clear(d.listeners)
		for i, fd := range d.fds {
			if fd.Revents == 0 {
				continue
			}
			if err := discardInput(int(fd.Fd)); err != nil && !yield(d.listeners[i], err) {
				return
			}
		}
	}
}
