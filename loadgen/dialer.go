package loadgen

import (
	"context"
	"net"
)

// dialerKey is the key of a context that has connections made by a dialFunc, and not by a
// net.Dialer: those of a run in the time of a test.
type dialerKey struct{}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// dialTCP makes a TCP connection.
func dialTCP(ctx context.Context, d *net.Dialer, address string) (net.Conn, error) {
	if dial, ok := ctx.Value(dialerKey{}).(dialFunc); ok {
		return dial(ctx, "tcp", address)
	}
	return d.DialContext(ctx, "tcp", address)
}
