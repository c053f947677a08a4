package loadgen

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"

	"github.com/emostream/emostream/internal/client"
)

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
		return nil, &client.UnreachedError{URL: base, Err: err}
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
