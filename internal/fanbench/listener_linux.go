package fanbench

import (
	"cmp"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// What package syscall does not name.
const bindAddressNoPort = 24 // IP_BIND_ADDRESS_NO_PORT

// smallSegment and smallBuffer are of a connection that never reads, as of a phone
// in a tunnel: with the loopback's own sizes megabytes fit in before the server
// notices anything.
const (
	smallSegment = 536
	smallBuffer  = 4096
)

// listener is one connection at a time.
type listener struct {
	stream  Stream
	fd      int  // 0: none
	source  byte // of its address
	passing bool
	silent  bool
	written bool      // the request is sent
	served  bool      // an event has come through this connection
	cut     bool      // it has been cut off and not been served since
	since   int64     // when the answer began, µs
	last    int64     // number of the last event
	due     time.Time // to come, or to leave
}

// open begins a connection. Listeners come from many addresses of this machine:
// one has ports for 28,000 alone, those just left among them.
func (c *crowd) open(l *listener) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open connection %d: %w", len(c.byFD)+1, err)
	}
	l.fd = fd
	c.byFD[int32(fd)] = l
	if err := errors.Join(
		syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, bindAddressNoPort, 1),
		syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, l.source}}),
	); err != nil {
		return fmt.Errorf("bind to 127.0.0.%d: %w", l.source, err)
	}
	if l.silent {
		if err := errors.Join(
			syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, smallSegment),
			syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, smallBuffer),
		); err != nil {
			return fmt.Errorf("make buffers small: %w", err)
		}
	}
	if err := syscall.Connect(fd, &c.addr); err != nil && !errors.Is(err, syscall.EINPROGRESS) {
		return c.lost(l) // nobody listens there now
	}
	return c.watch(l, syscall.EPOLL_CTL_ADD, syscall.EPOLLOUT)
}

func (c *crowd) watch(l *listener, how int, events uint32) error {
	if err := syscall.EpollCtl(c.epoll, how, l.fd, &syscall.EpollEvent{Events: events, Fd: int32(l.fd)}); err != nil {
		return fmt.Errorf("watch a connection: %w", err)
	}
	return nil
}

// ask sends the request over a connection that is open, or has failed to.
func (c *crowd) ask(l *listener, events uint32) error {
	if events&(syscall.EPOLLERR|syscall.EPOLLHUP) != 0 {
		return c.lost(l)
	}
	if _, err := syscall.Write(l.fd, []byte(c.request+l.resume()+"\r\n")); err != nil {
		return c.lost(l)
	}
	l.written = true
	if l.silent {
		l.served = true
		c.serve(l)
		return c.watch(l, syscall.EPOLL_CTL_MOD, syscall.EPOLLRDHUP)
	}
	return c.watch(l, syscall.EPOLL_CTL_MOD, syscall.EPOLLIN)
}

// resume is the header of a listener that comes back.
func (l *listener) resume() string {
	if len(l.stream.ID) == 0 {
		return ""
	}
	return "Last-Event-ID: " + string(l.stream.ID) + "\r\n"
}

// lost lets a listener come again that was cut off or refused, when the server
// wants it to. One that never reads does not.
func (c *crowd) lost(l *listener) error {
	if l.since > 0 && l.stream.Status == 200 {
		c.heard.Cut++
		l.cut = l.cut || l.served
		c.complete = false
	}
	if l.passing && l.served { // its time to leave is no longer its time to leave
		c.untime(l)
	}
	c.close(l)
	if l.silent {
		return nil
	}
	c.at(l, cmp.Or(l.stream.Retry, 2*time.Second))
	return nil
}

func (c *crowd) untime(l *listener) {
	for i, t := range c.timed {
		if t == l {
			c.timed[i] = c.timed[len(c.timed)-1]
			c.timed = c.timed[:len(c.timed)-1]
			return
		}
	}
}

// close ends a connection.
func (c *crowd) close(l *listener) {
	delete(c.byFD, int32(l.fd))
	_ = syscall.Close(l.fd)
	if l.served {
		c.served--
	}
	l.fd, l.served, l.written, l.since = 0, false, false, 0
	if l.passing { // whoever comes next is somebody else
		l.stream.ID, l.last = nil, 0
	}
	l.stream.Reset()
}
