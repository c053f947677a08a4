package fanbench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Crowd is a number of listeners at one address.
type Crowd struct {
	URL       string // of the stream: http, an IP address and a port
	Listeners int    // that stay, and come back when they are cut off
	Passing   int    // that leave when they have listened for 2 s, and come again at once
	Silent    int    // that ask and never read
	Ready     func() // is called once, when everybody has been served
}

// Heard is what became of a crowd.
type Heard struct {
	Deliveries int64 // of events that were published after the listener had come
	Missed     int64 // events between two that a listener was given, or after its last
	Malformed  int
	Opened     int // answers that began
	Refused    int // answers other than 200
	Cut        int // streams that ended and that the listener had not left
	Away       int // listeners that stay and had no stream in the end

	P50, P99, Max time.Duration // from publishing to receiving
	// Resumed is when the last of those who were cut off was given an event
	// again, µs since the Unix epoch.
	Resumed int64
}

// crowd is the state of a Crowd that runs. It belongs to one goroutine.
type crowd struct {
	Crowd
	addr    syscall.SockaddrInet4
	request string // without the last line

	epoll     int
	byFD      map[int32]*listener
	all       []*listener
	timed     []*listener // those that wait for their time to come or to leave
	served    int
	complete  bool // all have been served since one was cut off
	latencies *hdrhistogram.Histogram
	newest    int64 // greatest number heard
	buffer    []byte
	heard     Heard
}

// stay is how long those listen who pass, and pace how many come a second at first.
const (
	stay = 2 * time.Second
	pace = 900
)

// tick is how exactly listeners come and leave, and atOnce how many may in one.
const (
	tick   = 5 * time.Millisecond
	atOnce = 100
)

// nap is how long the crowd looks away when few have something to hear. Were it
// woken for each event, the server would pay for that, which other machines'
// listeners do not cost it, and the crowd would take the cores. So latencies are
// up to this much too long, for everybody.
const (
	nap = 500 * time.Microsecond
	few = 64
)

// Run lets the crowd come and listen until ctx ends.
func (c Crowd) Run(ctx context.Context) (Heard, error) {
	crowd, err := c.gather()
	if err != nil {
		return Heard{}, err
	}
	defer func() { _ = syscall.Close(crowd.epoll) }()
	var stopped atomic.Bool
	defer context.AfterFunc(ctx, func() { stopped.Store(true) })()
	events := make([]syscall.EpollEvent, 512)
	next := time.Now()
	for !stopped.Load() {
		if now := time.Now(); !now.Before(next) {
			next = now.Add(tick)
			if err := crowd.turn(now); err != nil {
				return Heard{}, err
			}
		}
		n, err := syscall.EpollWait(crowd.epoll, events, int(tick.Milliseconds()))
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return Heard{}, fmt.Errorf("wait for events: %w", err)
		}
		for _, e := range events[:max(n, 0)] {
			if err := crowd.ready(crowd.byFD[e.Fd], e.Events); err != nil {
				return Heard{}, err
			}
		}
		if n < few {
			_ = syscall.Nanosleep(&syscall.Timespec{Nsec: nap.Nanoseconds()}, nil) // one that is cut short is as good
		}
	}
	return crowd.end(), nil
}

// gather prepares all listeners to come, evenly over time.
func (c Crowd) gather() (*crowd, error) {
	u, to, err := locate(c.URL)
	if err != nil {
		return nil, err
	}
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	n := c.Listeners + c.Passing + c.Silent
	crowd := &crowd{
		Crowd: c, epoll: epoll, byFD: make(map[int32]*listener, n), buffer: make([]byte, 64<<10),
		addr:    syscall.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()},
		request: "GET " + u.RequestURI() + " HTTP/1.1\r\nHost: " + u.Host + "\r\nAccept: text/event-stream\r\n",
		// Three digits up to a minute.
		latencies: hdrhistogram.New(1, time.Minute.Microseconds(), 3),
	}
	began := time.Now()
	for i := range n {
		crowd.all = append(crowd.all, &listener{
			source: byte(2 + i%32), passing: i >= c.Listeners && i < c.Listeners+c.Passing, silent: i >= c.Listeners+c.Passing,
			due: began.Add(time.Duration(i) * time.Second / pace),
		})
	}
	crowd.timed = append(crowd.timed, crowd.all...)
	return crowd, nil
}

// locate takes an address apart. It must be this machine's: thousands of
// connections are a weapon.
func locate(address string) (*url.URL, netip.AddrPort, error) {
	if u, err := url.Parse(address); err == nil && u.Scheme == "http" {
		if to, err := netip.ParseAddrPort(u.Host); err == nil && to.Addr().Is4() && to.Addr().IsLoopback() {
			return u, to, nil
		}
	}
	return nil, netip.AddrPort{}, fmt.Errorf("%.60q: want http:// and an address of this machine, like http://127.0.0.1:5001/v1/swarm", address)
}

// turn lets those come and leave whose time it is.
func (c *crowd) turn(now time.Time) error {
	for i, left := 0, atOnce; i < len(c.timed) && left > 0; {
		l := c.timed[i]
		if l.due.After(now) {
			i++
			continue
		}
		c.timed[i] = c.timed[len(c.timed)-1]
		c.timed = c.timed[:len(c.timed)-1]
		left--
		if l.fd != 0 {
			c.close(l)
		}
		if err := c.open(l); err != nil {
			return err
		}
	}
	return nil
}

// at lets a listener come, or leave, when d has passed.
func (c *crowd) at(l *listener, d time.Duration) {
	l.due = time.Now().Add(d)
	c.timed = append(c.timed, l)
}

// ready takes what a connection has to tell.
func (c *crowd) ready(l *listener, events uint32) error {
	switch {
	case l == nil: // it has been closed in this turn
		return nil
	case l.silent && l.written: // hung up
		return c.lost(l)
	case !l.written:
		return c.ask(l, events)
	}
	n, err := syscall.Read(l.fd, c.buffer)
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
		return nil
	}
	if n <= 0 {
		return c.lost(l)
	}
	now := time.Now().UnixMicro()
	if l.since == 0 {
		l.since = now
		c.heard.Opened++
	}
	for b := c.buffer[:n]; ; {
		e, ok := l.stream.Next(&b)
		if !ok {
			break
		}
		c.hear(l, e, now)
	}
	refused := l.stream.Status != 0 && l.stream.Status != 200
	if refused {
		c.heard.Refused++
	}
	if refused || l.stream.Ended {
		return c.lost(l)
	}
	return nil
}

// hear enters an event. Those of before the listener came are what it resumes
// with: they are no delivery, but a gap before them is one.
func (c *crowd) hear(l *listener, e Event, now int64) {
	if !l.served {
		l.served = true
		c.serve(l)
	}
	if l.cut {
		l.cut = false
		c.heard.Resumed = max(c.heard.Resumed, now)
	}
	if e.Sequence <= l.last {
		return // said again
	}
	if l.last > 0 {
		c.heard.Missed += e.Sequence - l.last - 1
	}
	l.last, c.newest = e.Sequence, max(c.newest, e.Sequence)
	if e.Published > l.since {
		c.heard.Deliveries++
		_ = c.latencies.RecordValue(min(max(now-e.Published, 1), c.latencies.HighestTrackableValue()))
	}
}

// serve counts a listener among those who have been served, until all have.
func (c *crowd) serve(l *listener) {
	if l.passing {
		c.at(l, stay)
	}
	if c.served++; c.served == len(c.all) && !c.complete {
		c.complete = true
		if c.Ready != nil {
			c.Ready()
		}
	}
}

// end closes everything and adds up.
func (c *crowd) end() Heard {
	for _, l := range c.all {
		c.heard.Malformed += l.stream.Malformed
		if !l.passing && !l.silent {
			if l.last > 0 {
				c.heard.Missed += c.newest - l.last
			}
			if !l.served {
				c.heard.Away++
			}
		}
		if l.fd != 0 {
			c.close(l)
		}
	}
	h := &c.heard
	us := func(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
	h.P50, h.P99, h.Max = us(c.latencies.ValueAtQuantile(50)), us(c.latencies.ValueAtQuantile(99)), us(c.latencies.Max())
	return c.heard
}
