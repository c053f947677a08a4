package httpserve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// ErrDraining is the cause ([context.Cause]) of a request that is cancelled because the
// server stops, and not because its client left.
var ErrDraining = errors.New("the server is stopping")

// onDrain is the key of a value in the context of every request, which Serve sets and
// Streaming reads: a func(f func()) (stop func() bool) that registers f to be called
// when draining begins.
type onDrain struct{}

// Serve serves srv on ln until ctx is cancelled. Then it drains, and returns nil. It
// closes ln.
//
// Draining means, in this order:
//   - No connection is accepted any more.
//   - The contexts of [Streaming] requests are cancelled, and refusals that are held back
//     are sent.
//   - The other requests in flight may go on for the time drain. If drain is zero or
//     less, they may not.
//   - The contexts of the remaining requests are cancelled, and all connections are
//     closed.
//
// If ln is a [*Connections], refusals that an address causes one after the other are held
// back: see refusalDelay; and requests over HTTP/2 are bounded as its connections are.
//
// Serve does not wait for hijacked connections and does not close them, but it cancels
// the contexts of their requests like all others. A handler that ignores its context
// may outlive Serve.
//
// The caller must not use srv any more, except to stop it. Serve sets its BaseContext,
// so that requests inherit the values of ctx. It also sets these fields if they are
// zero: ReadHeaderTimeout to 5 s, WriteTimeout to 10 s (a handler that streams must lift
// it), IdleTimeout to 2 min, MaxHeaderBytes to 12 KiB (net/http adds 4), HTTP2. If ReadTimeout
// is zero, it gives each body 5 s to arrive, whether the handler reads it or not. So
// nothing that a client announces, and nothing that it does not read, holds a request
// for long.
func Serve(ctx context.Context, ln net.Listener, srv *http.Server, drain time.Duration) error {
	if srv.ReadHeaderTimeout == 0 {
		srv.ReadHeaderTimeout = 5 * time.Second
	}
	if srv.ReadTimeout == 0 {
		srv.Handler = boundBodies(srv.Handler)
	}
	if srv.WriteTimeout == 0 {
		srv.WriteTimeout = 10 * time.Second
	}
	if srv.IdleTimeout == 0 {
		srv.IdleTimeout = 2 * time.Minute
	}
	if srv.MaxHeaderBytes == 0 {
		srv.MaxHeaderBytes = 12 << 10
	}
	if srv.HTTP2 == nil {
		srv.HTTP2 = http2Config()
	}

	requests, endRequests := context.WithCancelCause(context.WithoutCancel(ctx))
	defer endRequests(ErrDraining)
	streams, endStreams := context.WithCancel(requests)
	defer endStreams()
	// Shutdown calls endStreams after it has closed the net.Listener. A client whose
	// stream ends may come back at once, and must not find this server again.
	srv.RegisterOnShutdown(endStreams)
	requests = context.WithValue(requests, onDrain{}, func(f func()) func() bool {
		return context.AfterFunc(streams, f)
	})
	if l, ok := ln.(*Connections); ok {
		if srv.TLSConfig != nil {
			srv.Handler = newRequestLimit(l).Wrap(srv.Handler)
		}
		srv.ConnState = l.ConnState
		requests = context.WithValue(requests, refusalDelayKey{}, newRefusalDelay(l, streams.Done()))
	}
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
	if l, ok := ln.(*Connections); ok {
		// Over TLS, Shutdown tells one client after the other that it closes idle connections,
		// and waits for those that do not read.
		defer context.AfterFunc(bounded, func() {
			endRequests(ErrDraining)
			l.closeOpen()
		})()
	}
	if err := srv.Shutdown(bounded); err != nil {
		endRequests(ErrDraining)
		_ = srv.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %v: %w", ln.Addr(), err)
	}
	return nil
}

// bodyTimeout is how long a body may take to arrive where a server has no ReadTimeout.
const bodyTimeout = 5 * time.Second

// boundBodies bounds how long the body of a request may take to arrive. A handler that
// ignores the body needs that, too: after its answer net/http reads the rest of it.
//
// It is not done by ReadTimeout, which would also end the requests without a body that
// take longer.
func boundBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
		}
		next.ServeHTTP(w, r)
	})
}

// Streaming wraps a handler whose answers do not end by themselves. When [Serve] begins
// to drain, it cancels the contexts of requests to this handler, with the cause
// [ErrDraining]. Servers that are not run by Serve are not affected.
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
