package client

import (
	"cmp"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// connectedError is an error that came when there was a connection, with TLS if that was
// asked for, so that the server may have read the request. It hides the error's kind:
// after the handshake, too, what is no TLS gives the errors that a handshake gives.
type connectedError struct{ err error }

func (e *connectedError) Error() string { return e.err.Error() }

// connectionNoter makes requests, and returns a *connectedError for an error that only
// seems to say that no connection was made.
type connectionNoter struct{ transport http.RoundTripper }

func (n connectionNoter) RoundTrip(req *http.Request) (*http.Response, error) {
	var connected atomic.Bool
	traced := httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GetConn: func(string) { connected.Store(false) }, // a second one is made only if nothing was written to the first
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	res, err := cmp.Or(n.transport, http.DefaultTransport).RoundTrip(req.WithContext(traced))
	switch {
	case err == nil:
		res.Request = req
	case connected.Load() && (Unreached(err) || req.URL.Scheme == "https" && WrongScheme(err)):
		err = &connectedError{err}
	}
	return res, err
}
