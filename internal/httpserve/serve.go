package httpserve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// ErrDraining is the cause ([context.Cause]) of a request's cancelling by a
// server that stops, rather than by a client that left.
var ErrDraining = errors.New("the server is stopping")

// onDrain is how Serve reaches Streaming: the key, in the context of every request,
// of a func(f func()) (stop func() bool) that has f called when draining begins.
type onDrain struct{}

// Serve serves srv on ln, which it closes, until ctx is cancelled; then it drains
// and returns nil. Draining is: nothing new is accepted; the contexts of
// [Streaming] requests are cancelled; the other requests in flight have until
// drain has passed to finish; then their contexts are cancelled too, and all
// connections are closed. Zero or less drains not at all. A connection that
// was hijacked is its hijacker's: Serve neither waits for it nor closes it, but the
// context of its request is cancelled like any other.
//
// A handler that ignores its context may outlive Serve.
//
// srv is Serve's from here on and serves once. Its BaseContext is set: requests
// inherit ctx's values. These fields are filled in where they are zero:
// ReadHeaderTimeout 10 s, IdleTimeout 2 min, MaxHeaderBytes 12 KiB (and net/http
// adds 4).
// ReadTimeout and WriteTimeout stay as they are: zero, or they would cut long
// uploads and streams.
func Serve(ctx context.Context, ln net.Listener, srv *http.Server, drain time.Duration) error {
	if srv.ReadHeaderTimeout == 0 {
		srv.ReadHeaderTimeout = 10 * time.Second
	}
	if srv.IdleTimeout == 0 {
		srv.IdleTimeout = 2 * time.Minute
	}
	if srv.MaxHeaderBytes == 0 {
		srv.MaxHeaderBytes = 12 << 10
	}

	requests, endRequests := context.WithCancelCause(context.WithoutCancel(ctx))
	defer endRequests(ErrDraining)
	streams, endStreams := context.WithCancel(requests)
	defer endStreams()
	// By Shutdown, hence after the listener is closed: a client whose stream ends
	// and that comes back at once must not find this server again.
	srv.RegisterOnShutdown(endStreams)
	requests = context.WithValue(requests, onDrain{}, func(f func()) func() bool {
		return context.AfterFunc(streams, f)
	})
	srv.BaseContext = func(net.Listener) context.Context { return requests }

	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	select {
	case err := <-served:
		_ = srv.Close()
		return fmt.Errorf("serve %v: %w", ln.Addr(), err)
	case <-ctx.Done():
	}

	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := srv.Shutdown(bounded); err != nil {
		endRequests(ErrDraining)
		_ = srv.Close() // there is nobody left to tell
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %v: %w", ln.Addr(), err)
	}
	return nil
}

// Streaming wraps a handler that answers for as long as it is let: the context
// of its requests is cancelled, because of [ErrDraining], when [Serve] begins to
// drain, while that of other requests is not. Under another server it changes nothing.
func Streaming(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		notify, ok := r.Context().Value(onDrain{}).(func(func()) func() bool)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithCancelCause(r.Context())
		defer cancel(nil)
		defer notify(func() { cancel(ErrDraining) })()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
