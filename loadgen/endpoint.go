package loadgen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/emostream/emostream/internal/errno"
)

// endpoint is a base URL that connections are made to.
type endpoint struct {
	url   *url.URL
	addr  string // host:port
	local bool   // all addresses of the host are loopback addresses
	localAddresses
}

// localAddresses chooses the local address from which connections to this machine are
// made: 127.0.0.1 until no port of it is free, then 127.0.0.2, and so on. All
// connections share it.
type localAddresses struct{ last *atomic.Int32 }

// maxLocalAddresses is how many further addresses localAddresses may use.
const maxLocalAddresses = 50

// resolveEndpoint resolves a base URL. Unless allowRemote is set, it refuses a host
// that is not this machine: a typing error must not put load on somebody else's server.
func resolveEndpoint(ctx context.Context, base string, allowRemote bool) (*endpoint, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, fmt.Errorf("%.60q: want a URL like http://localhost:5000", base)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	e := &endpoint{url: u, addr: net.JoinHostPort(u.Hostname(), port), localAddresses: localAddresses{new(atomic.Int32)}}
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, u.Hostname())
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", u.Hostname(), err)
	}
	e.local = true
	for _, ip := range ips {
		e.local = e.local && ip.IP.IsLoopback()
	}
	if !e.local && !allowRemote {
		return nil, &RemoteError{Host: u.Hostname()}
	}
	return e, nil
}

// RemoteError says that the target is on another machine and Config.AllowRemote is not
// set.
type RemoteError struct{ Host string }

func (e *RemoteError) Error() string {
	return fmt.Sprintf("%s is not this machine: a load test there needs to be allowed", e.Host)
}

// dial makes a connection, with TLS for https.
func (e *endpoint) dial(ctx context.Context) (net.Conn, error) {
	for {
		n := e.last.Load()
		d := net.Dialer{KeepAlive: -1}
		if n > 0 {
			d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(n+1))}
		}
		conn, err := d.DialContext(ctx, "tcp", e.addr)
		if err != nil && e.local && n < maxLocalAddresses && errors.Is(err, errno.NoAddress) {
			e.last.CompareAndSwap(n, n+1) // this address has no free port
			continue
		}
		if err != nil || e.url.Scheme == "http" {
			return conn, err
		}
		secure := tls.Client(conn, &tls.Config{ServerName: e.url.Hostname(), MinVersion: tls.VersionTLS12})
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		return secure, nil
	}
}

// path returns the path of a call, below the path of the base URL.
func (e *endpoint) path(call string) string {
	return strings.TrimSuffix(e.url.EscapedPath(), "/") + call
}
