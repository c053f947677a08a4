package loadgen

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"

	"github.com/emostream/emostream/internal/client"
)

// reach says which endpoints may be reached, and how.
type reach struct {
	remote  bool        // also other machines
	tls     *tls.Config // for https; nil: that of a zero Config
	http2   bool        // HTTP/2 is spoken
	foreign bool        // they are of another service
}

// reach returns how the run reaches its endpoints.
func (c Config) reach() reach {
	return reach{remote: c.AllowRemote, tls: c.TLS, http2: c.HTTP2, foreign: c.Publish != nil}
}

// resolveEndpoint resolves a URL. Unless other machines may be reached, it refuses
// a host that is not this machine: a typing error must not put load on somebody else's
// server. All addresses that this machine has are its own, not only those of loopback.
func resolveEndpoint(ctx context.Context, u *url.URL, how reach) (*endpoint, error) {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	e := &endpoint{addr: net.JoinHostPort(u.Hostname(), port), foreign: how.foreign, localAddresses: localAddresses{new(atomic.Int32)}}
	e.url, e.authorization = withoutUser(u)
	e.tls = how.tlsFor(e)
	if how.http2 {
		e.http2 = e.http2Transport()
	}
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, u.Hostname())
	if err != nil {
		return nil, &client.UnreachedError{URL: e.base(), Err: err, Foreign: e.foreign}
	}
	e.local, e.loopback = true, true
	for _, ip := range ips {
		e.local = e.local && client.IsThisMachine(ip.IP)
		e.loopback = e.loopback && ip.IP.IsLoopback()
	}
	if !e.local && !how.remote {
		return nil, &RemoteError{Host: u.Hostname()}
	}
	return e, nil
}

// RemoteError says that the target is on another machine and Config.AllowRemote is not
// set.
type RemoteError struct {
	Host string
	// Assigned says that it is not the host of the target, but one to which the target
	// sends its listeners.
	Assigned bool
}

func (e *RemoteError) Error() string {
	if e.Assigned {
		return fmt.Sprintf("the main server sends listeners to %s, which is not this machine: a load test there needs to be allowed", e.Host)
	}
	return fmt.Sprintf("%s is not this machine: a load test there needs to be allowed", e.Host)
}
