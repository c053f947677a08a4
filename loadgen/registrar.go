package loadgen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// streamSource says which streams listeners listen to: a main server assigns them, or
// all listeners use one fixed stream.
type streamSource struct {
	main      *endpoint
	channel   string
	fixed     *streamAddress // nil: a main server assigns the streams
	reach     reach
	timeout   time.Duration
	endpoints *endpointCache
}

// streamAddress is the address of an event stream.
type streamAddress struct {
	endpoint *endpoint
	path     string
	server   string // the subscriber server that the listener is assigned to; empty: none
}

// endpointCache keeps the endpoints of subscriber servers, so that each host name is
// looked up once.
type endpointCache struct {
	mu    sync.Mutex
	byURL map[string]*endpoint
}

// registrar registers listeners at the main server, over a connection of its own.
type registrar struct {
	streamSource
	conn *connection
}

func (s streamSource) newRegistrar() registrar {
	return registrar{s, &connection{endpoint: s.main}}
}

func (r registrar) close() { r.conn.close() }

// register asks for a subscriber server other than avoid, the one that failed. avoid
// may be empty.
func (r registrar) register(ctx context.Context, avoid string) (wire.Assignment, error) {
	var a wire.Assignment
	path := r.main.path(wire.RegisterPath("", avoid))
	res, err := r.roundTrip(ctx, fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, r.main.url.Host))
	if err != nil {
		return a, err
	}
	if res.status != http.StatusOK {
		return a, r.main.refusal(path, res.status, res.location, res.retryAfter, res.body)
	}
	if err := json.Unmarshal(res.body, &a); err != nil || a.ServerURL == "" && a.StreamURL == "" {
		return a, fmt.Errorf("%s is no Emostream server: its /register assigns no server", r.main.url)
	}
	return a, nil
}

// assign returns the address of the stream that a listener shall listen to.
func (r registrar) assign(ctx context.Context, avoid string) (streamAddress, error) {
	if r.fixed != nil {
		return *r.fixed, nil
	}
	a, err := r.register(ctx, avoid)
	if err != nil {
		return streamAddress{}, err
	}
	return r.addressOf(ctx, a)
}

// addressOf returns the address of the stream of an assignment.
func (r registrar) addressOf(ctx context.Context, a wire.Assignment) (streamAddress, error) {
	address := a.ServerURL
	if a.StreamURL != "" {
		address = a.ChannelURL(r.channel)
	}
	u, err := url.Parse(address)
	if err != nil {
		return streamAddress{}, fmt.Errorf("the stream %.60q: %w", address, err)
	}
	to, err := r.endpoints.get(ctx, u.Scheme+"://"+u.Host, r.reach)
	if remote, ok := errors.AsType[*RemoteError](err); ok {
		remote.Assigned = true
	}
	if err != nil {
		return streamAddress{}, err
	}
	return streamAddress{endpoint: to, path: u.RequestURI(), server: a.ServerName}, nil
}

func (c *endpointCache) get(ctx context.Context, base string, how reach) (*endpoint, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.byURL[base]; known != nil {
		return known, nil
	}
	to, err := resolveEndpoint(ctx, base, how)
	if err == nil {
		c.byURL[base] = to
	}
	return to, err
}

// unregister tells the main server that a listener has left a subscriber server. Errors
// are ignored: the main server notices it by itself later.
func (r registrar) unregister(ctx context.Context, server string) {
	if server == "" {
		return
	}
	body, err := json.Marshal(map[string]string{"server": server})
	if err != nil {
		return
	}
	head := postHead(r.main, r.main.path("/unregister"), "application/json")
	_, _ = r.roundTrip(ctx, appendPost(nil, head, func(b []byte) []byte { return append(b, body...) }))
}

// roundTrip sends a request to the main server and reads the answer, within the time
// that ctx allows.
func (r registrar) roundTrip(ctx context.Context, request []byte) (response, error) {
	now := time.Now()
	end := now.Add(r.timeout)
	if err := r.conn.ensureOpen(ctx, now, end); err != nil {
		return response{}, err
	}
	conn := r.conn.conn
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline) // if it fails, the round trip fails too
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	res, err := r.conn.roundTrip(request, now, end)
	if !stop() {
		r.conn.close()
	}
	return res, err
}
