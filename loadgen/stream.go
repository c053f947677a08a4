package loadgen

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
)

// stream is an event stream that a listener can listen to.
type stream struct {
	to     *place
	path   string
	server string // that the listener is registered with; empty: it is not
}

// streams is where listeners listen: at the servers that a main server assigns
// them to, or, without one, at one address.
type streams struct {
	main    *place
	channel string
	fixed   *stream // without a main server
	remote  bool
	timeout time.Duration
	places  *places
}

// places keeps the places of subscriber servers, so that each is looked up once.
type places struct {
	mu sync.Mutex
	by map[string]*place
}

// session is a connector's connection to the main server.
type session struct {
	streams
	link *link
}

func (s streams) session() session {
	return session{s, &link{to: s.main, timeout: s.timeout}}
}

func (s session) close() { s.link.close() }

// register asks for an assignment, and for another server than avoid, if that is
// not empty and there is one.
func (s session) register(ctx context.Context, avoid string) (wire.Assignment, error) {
	var as wire.Assignment
	path := s.main.path(wire.RegisterPath("", avoid))
	a, err := s.ask(ctx, fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, s.main.url.Host))
	if err != nil {
		return as, err
	}
	if a.status != 200 {
		return as, &sse.RefusedError{Status: a.status, RetryAfter: a.after}
	}
	if err := json.Unmarshal(a.body, &as); err != nil || as.ServerURL == "" && as.StreamURL == "" {
		return as, fmt.Errorf("%s is no Emostream server: its /register assigns no server", s.main.url)
	}
	return as, nil
}

// find returns the stream of a new assignment, elsewhere than where one failed.
func (s session) find(ctx context.Context, failed string) (stream, error) {
	if s.fixed != nil {
		return *s.fixed, nil
	}
	as, err := s.register(ctx, failed)
	if err != nil {
		return stream{}, err
	}
	address := as.ServerURL
	if as.StreamURL != "" {
		address = as.ChannelURL(s.channel)
	}
	u, err := url.Parse(address)
	if err != nil {
		return stream{}, fmt.Errorf("the stream %.60q: %w", address, err)
	}
	to, err := s.places.of(ctx, u.Scheme+"://"+u.Host, s.remote)
	if err != nil {
		return stream{}, err
	}
	return stream{to: to, path: u.RequestURI(), server: as.ServerName}, nil
}

func (p *places) of(ctx context.Context, base string, remote bool) (*place, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.by[base]; known != nil {
		return known, nil
	}
	to, err := locate(ctx, base, remote)
	if err == nil {
		p.by[base] = to
	}
	return to, err
}

// leave unregisters a listener: a courtesy, for which nobody is kept waiting.
func (s session) leave(ctx context.Context, from *stream) {
	if from == nil || from.server == "" {
		return
	}
	body, err := json.Marshal(map[string]string{"server": from.server})
	if err != nil {
		return
	}
	_, _ = s.ask(ctx, appendRequest(nil, postHead(s.main, s.main.path("/unregister"), "application/json"), func(b []byte) []byte { return append(b, body...) }))
}

// ask makes a request of the main server.
func (s session) ask(ctx context.Context, request []byte) (answer, error) {
	now := time.Now()
	if err := s.link.ready(ctx, now); err != nil {
		return answer{}, err
	}
	conn := s.link.conn
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline) // if it fails, so does the exchange
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	a, err := s.link.exchange(request, now)
	if !stop() {
		s.link.close()
	}
	return a, err
}

// open asks for the stream on a connection, and says when it was live. What came
// with the header is kept.
func (l *listener) open(conn net.Conn, at *stream, deadline time.Time) (time.Time, error) {
	l.deadline = deadline
	_ = conn.SetDeadline(deadline) // if it fails, so does the exchange
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\nCache-Control: no-store\r\n", at.path, at.to.url.Host)
	if l.lastID != "" {
		request = fmt.Appendf(request, "Last-Event-ID: %s\r\n", l.lastID)
	}
	if _, err := conn.Write(append(request, '\r', '\n')); err != nil {
		return time.Time{}, err
	}
	r := reader{from: conn, buf: make([]byte, 1024)}
	h, err := r.head()
	if err != nil {
		return time.Time{}, err
	}
	live := time.Now()
	if h.status != 200 || !h.stream {
		return live, &sse.RefusedError{Status: h.status, RetryAfter: h.after}
	}
	_ = conn.SetWriteDeadline(time.Time{}) // nothing more is written
	l.framed, l.early = h.chunked, r.buf[r.r:r.w]
	if len(l.early) == 0 {
		l.early = nil // and the buffer with it
	}
	return live, nil
}
