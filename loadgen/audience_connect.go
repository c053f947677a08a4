package loadgen

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/loadgen/report"
)

// connectQueued runs one connector: it connects listeners from the queue until ctx
// ends.
func (a *audience) connectQueued(ctx context.Context) {
	r := a.source.newRegistrar()
	defer r.close()
	for {
		select {
		case <-ctx.Done():
			return
		case l := <-a.queue:
			err := a.reconnect(ctx, r, l)
			switch {
			case err != nil && ctx.Err() != nil:
				return
			case err != nil:
				a.connectFailed(ctx, l, err)
			case l.manner != attentive:
			default:
				a.running.Go(func() { a.follow(ctx, l) })
			}
		}
	}
}

// reconnect connects a listener to the server that it had, or to one that it is newly
// assigned to.
func (a *audience) reconnect(ctx context.Context, r registrar, l *listener) error {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	if l.lastID != "" {
		a.resumes.Add(1)
	}
	var before streamAddress
	if l.address != nil {
		before = *l.address
	}
	connect := func(to streamAddress) (taken bool, err error) {
		err = a.connectTo(ctx, l, &to)
		if l.unjudged != "" && sse.HasFailed(err) {
			a.onFailure(l.unjudged)
		}
		l.unjudged = "" // else its ticket had run out, which is how streams with tickets end
		return err == nil, err
	}
	return sse.Reconnect(before, connect, func(refused error) (streamAddress, error) {
		if !sse.HasFailed(refused) {
			l.avoid = ""
		}
		*r.conn.ofClient() = l.cookies
		defer func() { l.cookies, *r.conn.ofClient() = *r.conn.ofClient(), cookies{} }()
		return r.assign(ctx, l)
	})
}

// connectTo connects a listener to the stream at to. If that fails, the listener's
// address is nil.
func (a *audience) connectTo(ctx context.Context, l *listener, to *streamAddress) error {
	l.address, l.avoid = nil, to.server
	requestedAt := time.Now()
	dial := to.endpoint.dialStream
	if l.manner == mute { // HTTP/2 would greet the server
		dial = to.endpoint.dial
	}
	conn, err := dial(ctx)
	if err != nil {
		return to.endpoint.explain(err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	live := time.Now()
	if l.manner != mute {
		live, err = l.requestStream(conn, a.source.streamRequest(l.number, to), to, requestedAt.Add(a.timeout))
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return errors.Join(to.endpoint.disagreement(err), conn.Close())
	}
	if l.manner == attentive {
		a.recordLatency(a.connect, live.Sub(requestedAt))
	}
	l.address, l.requestedAt, l.refusals = to, requestedAt, 0
	l.view.connected(requestedAt, live)
	a.mu.Lock()
	defer a.mu.Unlock()
	l.conn = conn
	if l.leaving.Load() { // leaving was set while the connection was made
		_ = conn.Close()
	}
	if l.manner == attentive {
		a.attend(l, 1)
	} else {
		a.beginDawdling(l)
	}
	return nil
}

// connectFailed puts a listener that could not connect into the queue again, unless it
// is leaving.
func (a *audience) connectFailed(ctx context.Context, l *listener, err error) {
	a.mu.Lock()
	a.lastFailure = err
	a.mu.Unlock()
	if _, refused := errors.AsType[*sse.RefusedError](err); refused {
		a.refused.Add(1)
	} else {
		a.onFailure(report.StreamError + errorKind(err))
	}
	if l.leaving.Load() {
		a.depart(ctx, l)
		return
	}
	l.refusals++
	a.requeue(l, err)
}

// follow reads a listener's stream until the connection ends. Then it puts the listener
// into the queue again, unless the listener is leaving.
func (a *audience) follow(ctx context.Context, l *listener) {
	err := l.listen(a)
	a.mu.Lock()
	a.attend(l, -1)
	_ = l.conn.Close()
	l.conn = nil
	a.mu.Unlock()
	l.chunks, l.begun, l.unfinished = chunkDecoder{}, false, nil
	if ctx.Err() != nil {
		return
	}
	if l.leaving.Load() {
		a.depart(ctx, l)
		return
	}
	if kind := report.StreamError + errorKind(err); errors.Is(err, errClosed) && strings.Contains(l.address.path, "ticket=") {
		l.unjudged = kind
	} else {
		a.onFailure(kind)
	}
	a.reconnects.Add(1)
	a.requeue(l, err)
}

// requeue puts a listener into the queue again after the wait that a client would make.
// The listener's connection ended with err.
func (a *audience) requeue(l *listener, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	wait := sse.Backoff(err, l.retry, maxBackoff, l.refusals, a.rng.Int64N)
	a.timers[l] = time.AfterFunc(wait, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.timers, l)
		a.queue <- l
	})
}
