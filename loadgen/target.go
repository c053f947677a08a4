package loadgen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/errno"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
)

// target is the server that a run loads: the requests that the run sends to it, and the
// events that its listeners are shown.
type target struct {
	endpoint   *endpoint
	requests   requests
	channels   []string
	emojis     []string
	source     *streamSource // nil: nobody can listen
	eventCache *eventCache
	sink       eventSink
	swarms     *shownSwarms  // set for a main server; nil for other targets
	markers    *shownMarkers // set for another service with a stream; nil for other targets
	notes      []string
}

// findTarget finds out what kind of server answers at the configured address, and what
// can be measured there.
func findTarget(ctx context.Context, c Config, acks *acknowledged) (*target, error) {
	asked, err := c.templates()
	if err != nil {
		return nil, err
	}
	if c.Publish != nil {
		return findPublishTarget(ctx, c, asked)
	}
	to, err := resolveEndpoint(ctx, asked.server, c.reach())
	if err != nil {
		return nil, err
	}
	run := c.runValues()
	t := &target{endpoint: to, channels: newChannels(c.Channels), emojis: run.mix.emojis}
	t.requests = asked.judged(newReactionRequests(to, run, asked.headers, t.channels))
	t.source = &streamSource{main: to, channels: t.channels, reach: c.reach(), timeout: c.Timeout, endpoints: &endpointCache{byURL: map[string]*endpoint{}}, headers: asked.headers, run: run}
	a, err := t.probe(ctx, c.Timeout)
	if err != nil {
		return nil, err
	}
	if a.StreamURL == "" {
		if c.Channels > 1 {
			return nil, errors.New("the target is a Python system, which has no channels")
		}
		t.notes = append(t.notes, "the target is a Python system: it does not tell when it accepted a reaction and streams no swarms, so that there are no books and no latencies behind the answer")
		t.ignoreEvents()
		return t, nil
	}
	t.swarms = newShownSwarms(t.channels, t.emojis, acks.setWindowLength)
	t.eventCache, t.sink = newEventCache(t.swarms.decode), t.swarms
	return t, nil
}

// probe registers once, to find out what kind of server the target is.
func (t *target) probe(ctx context.Context, timeout time.Duration) (wire.Assignment, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if t.endpoint.url.Scheme == "https" || t.endpoint.http2 != nil {
		if err := t.endpoint.tryConnecting(ctx); err != nil {
			return wire.Assignment{}, t.explain(err)
		}
	}
	r := t.source.newRegistrar()
	defer r.close()
	a, err := r.register(ctx, 0, "", t.channels[0])
	if err == nil {
		defer r.unregister(ctx, 0, a.ServerName)
		_, err = r.addressOf(ctx, 0, a) // a stream that may not be asked for is said before anything is sent
		return a, err
	}
	return a, t.explain(err)
}

// explain returns why a server did not register, as people read it.
func (t *target) explain(err error) error {
	_, redirected := errors.AsType[*client.RedirectError](err)
	_, wrongScheme := errors.AsType[*client.SchemeError](err)
	_, noTLS := errors.AsType[*TLSError](err)
	_, otherVersion := errors.AsType[*VersionError](err)
	switch {
	case redirected || wrongScheme:
		return err
	case noTLS || otherVersion:
		return t.endpoint.explain(err)
	case client.Unreached(err), client.WrongScheme(err):
		return t.endpoint.explain(err)
	}
	return fmt.Errorf("register at %s: %w", t.endpoint.url, err)
}

// findPublishTarget does for another service what findTarget does for a main server.
func findPublishTarget(ctx context.Context, c Config, asked templates) (*target, error) {
	to, err := resolveEndpoint(ctx, asked.postURL, c.reach())
	if err != nil {
		return nil, err
	}
	requests := newPublishRequests(to, c.runValues(), asked)
	t := &target{endpoint: to, requests: asked.judged(requests)}
	t.ignoreEvents()
	dialing, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	err = to.tryConnecting(dialing)
	if _, none := errors.AsType[*net.OpError](err); none && client.Unreached(err) {
		return nil, fmt.Errorf("%s cannot be reached (%s): is it running?", text.ShownURL(c.Publish.PostURL), errno.Cause(err))
	}
	if err != nil {
		return nil, to.explain(err)
	}
	if len(c.Publish.StreamURLs) == 0 {
		t.notes = append(t.notes, "nobody listens, so that there are no books and no latencies behind the answer")
		return t, nil
	}
	return t, t.listenForMarkers(ctx, c, asked, requests)
}

func (t *target) listenForMarkers(ctx context.Context, c Config, asked templates, requests *publishRequests) error {
	t.source = &streamSource{main: requests.to, timeout: c.Timeout, headers: asked.headers, run: requests.run}
	for _, s := range asked.streams {
		to, err := resolveEndpoint(ctx, s.url, c.reach())
		if err != nil {
			return err
		}
		fixed := fixedStream{streamAddress{endpoint: to}, s.path}
		if len(s.path) == 1 && s.path[0].field == literal {
			fixed.path = s.path[0].text // all listeners share it
		}
		t.source.fixed = append(t.source.fixed, fixed)
	}
	var err error
	if t.markers, err = newShownMarkers(c.Publish.Match, requests.run.id, len(asked.streams)); err != nil {
		return err
	}
	requests.expect = t.markers.expect
	t.eventCache, t.sink = newEventCache(t.markers.decode), t.markers
	return nil
}

// ignoreEvents makes listeners read events without decoding them.
func (t *target) ignoreEvents() {
	t.eventCache, t.sink = newEventCache(func(*event, string, []byte) {}), noSink{}
}

// noSink ignores the events that listeners are shown.
type noSink struct{}

func (noSink) received(*listenerView, *event, time.Time) {}
