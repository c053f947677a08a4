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
	"syscall"
	"time"

	"github.com/emostream/emostream/internal/errno"
)

// place is a base URL that connections are made to.
type place struct {
	url   *url.URL
	addr  string // host:port
	local bool   // all its addresses are this machine's
	spread
}

// spread is the local address that connections to this machine come from: the
// next one when the ports of one have run out. It is shared by all connections.
type spread struct{ last *atomic.Int32 }

// loopbacks is how many local addresses there are at most, 127.0.0.1 and on.
const loopbacks = 50

// locate resolves a base URL. A host that is not this machine is refused unless
// remote is true: a load generator is a weapon, and a slip of the keyboard should
// not fire it.
func locate(ctx context.Context, base string, remote bool) (*place, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, fmt.Errorf("%.60q: want a URL like http://localhost:5000", base)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	p := &place{url: u, addr: net.JoinHostPort(u.Hostname(), port), spread: spread{new(atomic.Int32)}}
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, u.Hostname())
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", u.Hostname(), err)
	}
	p.local = true
	for _, ip := range ips {
		p.local = p.local && ip.IP.IsLoopback()
	}
	if !p.local && !remote {
		return nil, &RemoteError{Host: u.Hostname()}
	}
	return p, nil
}

// RemoteError is the refusal to put load on another machine without being told
// to.
type RemoteError struct{ Host string }

func (e *RemoteError) Error() string {
	return fmt.Sprintf("%s is not this machine: a load test there needs to be allowed", e.Host)
}

// dial makes a connection.
func (p *place) dial(ctx context.Context) (net.Conn, error) {
	for {
		n := p.last.Load()
		d := net.Dialer{KeepAlive: -1}
		if n > 0 {
			d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(n+1))}
		}
		conn, err := d.DialContext(ctx, "tcp", p.addr)
		if err != nil && p.local && n < loopbacks && errors.Is(err, errno.NoAddress) {
			p.last.CompareAndSwap(n, n+1) // its ports have run out
			continue
		}
		if err != nil || p.url.Scheme == "http" {
			return conn, err
		}
		secure := tls.Client(conn, &tls.Config{ServerName: p.url.Hostname(), MinVersion: tls.VersionTLS12})
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		return secure, nil
	}
}

// path is the path of a call, under that of the base URL.
func (p *place) path(call string) string { return strings.TrimSuffix(p.url.EscapedPath(), "/") + call }

// kind names what went wrong with a connection, for people to count.
func kind(err error) string {
	timeout, ok := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, errMalformed):
		return "malformed answer"
	case ok && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, errno.Refused):
		return "refused"
	case errors.Is(err, errno.Reset), errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.Is(err, errClosed):
		return "closed"
	case errors.Is(err, errno.TooManyFiles):
		return "too many open files"
	case errors.Is(err, errno.NoAddress):
		return "no free ports"
	default:
		return "connection failed"
	}
}

// wait is sleep.For with a timer that its caller keeps, since a worker waits before
// every request. It returns false if ctx ended first.
func wait(ctx context.Context, t *time.Timer, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t.Reset(d)
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
