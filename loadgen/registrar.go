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

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
)

// streamSource says which streams listeners listen to: those of channels, on the servers
// that a main server assigns, or fixed ones. A channel or a fixed stream is a part of the
// source, and each listener listens to one part.
type streamSource struct {
	main      *endpoint
	channels  []string
	fixed     []fixedStream // empty: a main server assigns the streams
	reach     reach
	timeout   time.Duration
	endpoints *endpointCache
	headers   headers
	run       *runValues
}

// fixedStream is a stream that no server assigns.
type fixedStream struct {
	streamAddress          // without a path if there are placeholders in it
	template      template // of the path
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
	conn connection
}

func (s streamSource) newRegistrar() registrar {
	return registrar{s, s.main.newConnection()}
}

// values returns what placeholders stand for in a request of a listener.
func (s streamSource) values(listener int64) *values {
	return &values{runValues: s.run, number: listener, listener: true, at: time.Now()}
}

// streamRequest returns the request for a stream, without the lines that are the
// listener's own and the empty line at its end.
func (s streamSource) streamRequest(listener int64, at *streamAddress) []byte {
	return s.headers.stream(at.path, at.endpoint).append(nil, s.values(listener))
}

func (r registrar) close() { r.conn.close() }

// register asks for a subscriber server other than avoid, the one that failed. avoid
// may be empty.
func (r registrar) register(ctx context.Context, listener int64, avoid, channel string) (wire.Assignment, error) {
	var a wire.Assignment
	path := r.main.path(wire.RegisterPath("", avoid, channel))
	res, err := r.roundTrip(ctx, r.headers.withToken(r.run.tokens).register(path, r.main).append(nil, r.values(listener)))
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

// parts returns how many parts the source has.
func (s streamSource) parts() int { return max(1, len(s.channels), len(s.fixed)) }

// assign returns the address of the stream that a listener shall listen to.
func (r registrar) assign(ctx context.Context, l *listener) (streamAddress, error) {
	if len(r.fixed) > 0 {
		at := r.fixed[l.view.part]
		if at.path == "" { // there are placeholders in it
			at.path = string(at.template.append(nil, r.values(l.number)))
		}
		return at.streamAddress, nil
	}
	a, err := r.register(ctx, l.number, l.avoid, r.channels[l.view.part])
	if err != nil {
		return streamAddress{}, err
	}
	return r.addressOf(ctx, l.view.part, a)
}

// addressOf returns the address of the stream of a channel at an assignment.
func (r registrar) addressOf(ctx context.Context, channel int, a wire.Assignment) (streamAddress, error) {
	address := a.ServerURL
	if a.StreamURL != "" {
		address = a.ChannelURL(r.channels[channel])
	}
	u, err := url.Parse(address)
	if err != nil {
		return streamAddress{}, fmt.Errorf("the stream %.60q: it is no URL", text.ShownURL(address))
	}
	to, err := r.endpoints.get(ctx, &url.URL{Scheme: u.Scheme, Host: u.Host}, r.reach, r.main)
	if remote, ok := errors.AsType[*RemoteError](err); ok {
		remote.Assigned = true
	}
	if err != nil {
		return streamAddress{}, err
	}
	return streamAddress{endpoint: to, path: u.RequestURI(), server: a.ServerName}, nil
}

// get returns the endpoint of a base URL. It has user and password of the main server if
// it is at the same host and port.
func (c *endpointCache) get(ctx context.Context, base *url.URL, how reach, main *endpoint) (*endpoint, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := base.String()
	if known := c.byURL[key]; known != nil {
		return known, nil
	}
	to, err := resolveEndpoint(ctx, base, how)
	if err == nil {
		if to.base() == main.base() {
			to.authorization = main.authorization
		}
		c.byURL[key] = to
	}
	return to, err
}

// unregister tells the main server that a listener has left a subscriber server. Errors
// are ignored: the main server notices it by itself later.
func (r registrar) unregister(ctx context.Context, listener int64, server string) {
	if server == "" {
		return
	}
	body, err := json.Marshal(map[string]string{"server": server})
	if err != nil {
		return
	}
	head := r.headers.withToken(r.run.tokens).without("Content-Type").post(template{}.text(r.main.path("/unregister")), r.main, jsonType)
	_, _ = r.roundTrip(ctx, appendPost(nil, head, r.values(listener), func(b []byte) []byte { return append(b, body...) }))
}

// roundTrip sends a request to the main server and reads the answer, within the time
// that ctx allows.
func (r registrar) roundTrip(ctx context.Context, request []byte) (response, error) {
	now := time.Now()
	end := now.Add(r.timeout)
	if err := r.conn.ensureOpen(ctx, now, end); err != nil {
		return response{}, err
	}
	stop := context.AfterFunc(ctx, r.conn.interrupt)
	res, err := r.conn.roundTrip(request, now, end)
	if !stop() {
		r.conn.close()
	}
	return res, err
}
