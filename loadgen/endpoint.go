package loadgen

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/errno"
	"github.com/emostream/emostream/internal/sse"
)

// endpoint is a base URL that connections are made to.
type endpoint struct {
	url           *url.URL // without user and password
	authorization string   // what they become in a header; empty: there are none
	addr          string   // host:port
	local         bool     // all addresses of the host are of this machine
	loopback      bool     // they are loopback addresses
	tls           *tlsClient
	http2         *http.Transport // nil: HTTP/1.1 is spoken
	foreign       bool            // it is of another service
	localAddresses
}

// localAddresses chooses the local address from which connections to this machine are
// made: 127.0.0.1 until no port of it is free, then 127.0.0.2, and so on. All
// connections share it.
type localAddresses struct{ last *atomic.Int32 }

// maxLocalAddresses is how many further addresses localAddresses may use.
const maxLocalAddresses = 50

// dial makes a connection, with TLS for https.
func (e *endpoint) dial(ctx context.Context) (net.Conn, error) {
	for {
		n := e.last.Load()
		d := net.Dialer{KeepAlive: -1}
		if n > 0 {
			d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(n+1))}
		}
		conn, err := dialTCP(ctx, &d, e.addr)
		noPort := errors.Is(err, errno.NoAddress) || n > 0 && errors.Is(err, errno.InUse) // the latter is what binding to an address says
		if noPort && e.loopback && n < maxLocalAddresses {
			e.last.CompareAndSwap(n, n+1)
			continue
		}
		if err != nil || e.url.Scheme == "http" {
			return conn, err
		}
		return e.handshake(ctx, conn)
	}
}

// tryConnecting makes a connection, to find out whether the server takes one.
func (e *endpoint) tryConnecting(ctx context.Context) error {
	conn, err := e.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	switch {
	case e.http2 != nil:
		return e.awaitHTTP2(ctx, conn)
	case e.speaksOnlyHTTP2(ctx, conn):
		return e.otherVersion()
	}
	return e.awaitRefusal(conn)
}

// withoutUser returns a URL without its user and password, and the value of the header
// Authorization that tells a server of them.
func withoutUser(u *url.URL) (bare *url.URL, authorization string) {
	if u.User == nil {
		return u, ""
	}
	password, _ := u.User.Password()
	b := *u
	b.User = nil
	return &b, "Basic " + base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password))
}

// explain returns an error of a connection to the endpoint as people read it.
func (e *endpoint) explain(err error) error {
	if disagreed, ok := errors.AsType[*TLSError](err); ok {
		return disagreed
	}
	if other, ok := errors.AsType[*VersionError](err); ok {
		return other
	}
	err = client.ExplainAt(e.base(), err)
	if unreached, ok := errors.AsType[*client.UnreachedError](err); ok {
		unreached.Foreign = e.foreign
	}
	return err
}

// base returns the URL of the server itself.
func (e *endpoint) base() string { return e.url.Scheme + "://" + e.url.Host }

// redirected returns an error if the answer to a request for a path sends elsewhere. A
// load test does not follow it: it measures the server that it is told of.
func (e *endpoint) redirected(path string, status int, location string) error {
	from, err := e.url.Parse(path)
	if err != nil {
		return nil //nolint:nilerr // the path is one of ours
	}
	return client.Redirection(from, status, location)
}

// refusal returns the error of an answer that is not what was asked for.
func (e *endpoint) refusal(path string, status int, location string, retryAfter time.Duration, body []byte) error {
	if err := e.redirected(path, status, location); err != nil {
		return err
	}
	refused := sse.Refused(status, retryAfter, bytes.NewReader(body))
	if wantsCertificate(status, body) {
		return &TLSError{URL: e.base(), Problem: NoCertificate, Err: refused}
	}
	if client.WantsTLS(status, body) {
		return &client.SchemeError{URL: e.base(), Err: refused}
	}
	return refused
}

// path returns the path of a call, below the path of the base URL.
func (e *endpoint) path(call string) string {
	return strings.TrimRight(e.url.EscapedPath(), "/") + call
}
