package sse

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	gosse "github.com/tmaxmax/go-sse"
)

// connect makes one connection, listens until it ends, and returns why it ended. A
// value on Renew ends it with ErrRenewed.
func (l *listener) connect(ctx context.Context) error {
	if l.Renew == nil {
		return l.reconnect(ctx)
	}
	ctx, end := context.WithCancelCause(ctx)
	renewed := false
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-l.Renew:
			renewed = true
			end(ErrRenewed)
		case <-ctx.Done():
		}
	})
	err := l.reconnect(ctx)
	end(nil)
	watch.Wait()
	if renewed {
		l.url, l.refusals = "", 0
		return ErrRenewed
	}
	return err
}

// listener is the state of one Run that outlives its connections.
type listener struct {
	Client // with its defaults filled in

	url      string        // empty: ask Locate
	lastID   string        // sent as Last-Event-ID
	retry    time.Duration // Reconnect, or what a server last asked for
	refusals int           // in a row, since a connection was last live
	fatal    error         // if set, Run ends and returns it
}

func newListener(c Client) *listener {
	c = c.withDefaults()
	return &listener{Client: c, retry: c.Reconnect}
}

// reconnect does what connect does, except for Renew.
func (l *listener) reconnect(ctx context.Context) error {
	l.OnState(State{Phase: Connecting, URL: l.url})
	defer func() {
		if l.url == "" {
			l.refusals++
		}
	}()
	listen := func(url string) (taken bool, err error) {
		l.url = url
		err = l.listen(ctx)
		return l.url != "", err
	}
	return Reconnect(l.url, listen, func(refused error) (string, error) {
		url, err := l.Locate(ctx, refused)
		if err != nil {
			return "", fmt.Errorf("find the stream: %w", err)
		}
		return url, nil
	})
}

// listen asks for the stream at l.url, listens until it ends, and returns why it ended.
// If the server does not take the listener, listen empties l.url.
func (l *listener) listen(ctx context.Context) error {
	live := false
	defer func() {
		if !live {
			l.url = ""
		}
	}()

	// Whoever ends the connection cancels ctx, with the reason as its cause.
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	stalled := fmt.Errorf("%w: nothing came for %v", ErrStalled, l.ReadTimeout)
	watchdog := time.AfterFunc(l.ReadTimeout, func() { end(stalled) })
	defer watchdog.Stop()

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url, nil)
	if err != nil {
		return fmt.Errorf("ask for the stream: %w", err)
	}
	req.Header.Set("Cache-Control", "no-store")
	if l.lastID != "" {
		req.Header.Set("Last-Event-ID", l.lastID)
	}

	// A go-sse connection reconnects by itself. But it gives up for good when it is
	// refused, forgets retry: with the next connection, and may come back sooner than
	// retry: says. So each go-sse connection is used once and ended in OnRetry. What
	// retry: said is known only from the wait that OnRetry gets. That is why
	// InitialInterval is l.retry and Jitter is nearly zero; Jitter 0 would mean one
	// half.
	conn := (&gosse.Client{
		HTTPClient: l.HTTP,
		Backoff:    gosse.Backoff{InitialInterval: l.retry, Jitter: 1e-12},
		ResponseValidator: func(res *http.Response) error {
			if err := refusal(res); err != nil {
				return err
			}
			watchdog.Stop()
			res.Body = &withoutComments{ReadCloser: &watchedBody{res.Body, watchdog, l.ReadTimeout, stalled}}
			live = true
			l.refusals = 0
			l.OnState(State{Phase: Live, URL: l.url})
			return nil
		},
		OnRetry: func(err error, wait time.Duration) {
			l.retry = min(wait.Round(time.Microsecond), maxRetry)
			end(err)
		},
	}).NewConnection(req)
	conn.Buffer(nil, l.MaxEventSize)
	conn.SubscribeToAll(func(e gosse.Event) {
		if ctx.Err() != nil {
			return // this event was read before the connection was ended
		}
		if e.LastEventID != "" { // it is empty until this connection's first id
			l.lastID = e.LastEventID
		}
		if e.Data == "" {
			return
		}
		err := l.OnEvent(Event{ID: l.lastID, Name: e.Type, Data: []byte(e.Data)})
		if err != nil && ctx.Err() == nil { // if ctx was cancelled, that is likely the reason
			l.fatal = err
			end(err)
		}
	})
	err = conn.Connect()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return l.explain(err)
}

// explain returns err without go-sse's wording, which speaks of requests. If an event
// was too large, it also sets l.fatal.
func (l *listener) explain(err error) error {
	if wrapped, ok := errors.AsType[*gosse.ConnectionError](err); ok {
		err = wrapped.Err
	}
	switch {
	case errors.Is(err, bufio.ErrTooLong):
		l.fatal = fmt.Errorf("%w: more than %d bytes", ErrEventTooLarge, l.MaxEventSize)
		return l.fatal
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the server ended the stream: %w", err)
	default:
		return err
	}
}

// waitAfter waits before the next connection; the last one ended with err.
func (l *listener) waitAfter(ctx context.Context, err error) {
	wait := Backoff(err, l.retry, l.MaxBackoff, l.refusals, rand.Int64N)
	if errors.Is(err, ErrRenewed) {
		wait = 0
	}
	l.OnState(State{Phase: Reconnecting, URL: l.url, Wait: wait, Err: err})
	select {
	case <-time.After(wait):
	case <-l.Renew:
		l.url, l.refusals = "", 0
	case <-ctx.Done():
	}
}

// watchedBody is a response's body. The watchdog bounds each Read, and is stopped
// between reads, while OnEvent is called. After the watchdog has ended the connection,
// Read returns stalled. It must not return that ctx was cancelled, since go-sse would
// then stop.
type watchedBody struct {
	io.ReadCloser
	watchdog *time.Timer
	timeout  time.Duration
	stalled  error
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.watchdog.Reset(b.timeout)
	n, err := b.ReadCloser.Read(p)
	if !b.watchdog.Stop() {
		err = b.stalled
	}
	return n, err
}
