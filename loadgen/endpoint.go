package loadgen

import (
	"context"
	"crypto/tls"
	"errors"
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
