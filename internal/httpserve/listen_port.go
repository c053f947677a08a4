// Package httpserve is what all HTTP servers of Emostream have in common: how they
// bind a port, bound their connections, refuse requests, and stop.
//
// A listener is bound before anything else starts ([Listen]), so that port 0 works
// and a taken port fails at once. A server stops in the data's order ([Serve]): it
// accepts nothing new, ends its streams, lets the requests in flight finish, and
// closes. Requests and streams are told apart, since a reaction on its way into the
// log must get its answer, while a stream would never end by itself: a handler that
// streams is wrapped in [Streaming].
//
// A server on a loopback address can still be reached by any web page, through the
// user's own browser. [LoopbackHost] and [CORS] decide which pages are served.
package httpserve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"

	"github.com/emostream/emostream/internal/errno"
)

// Listen binds the TCP address addr at once. ctx bounds the look-up of a name and
// nothing after it. Every error is a *[ListenError].
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err == nil {
		return ln, nil
	}
	failed := &ListenError{Addr: addr, Err: err}
	if failed.InUse() {
		failed.Owner = portOwner(refusedAddress(err))
	}
	return nil, failed
}

// ListenError says why an address could not be bound.
type ListenError struct {
	Addr  string // as it was asked for
	Owner string // the process that holds a taken address: "python3 (pid 4242)"; empty if not known
	Err   error  // what the system said
}

// InUse reports whether another process holds the address.
func (e *ListenError) InUse() bool { return errors.Is(e.Err, errno.InUse) }

func (e *ListenError) Error() string { return "address " + e.Addr + " " + e.Reason() }

// Reason is the error without the address, as in "is already in use".
func (e *ListenError) Reason() string {
	denied := errors.Is(e.Err, fs.ErrPermission) || errors.Is(e.Err, errno.Denied)
	switch {
	case e.InUse() && e.Owner != "":
		return "is already in use by " + e.Owner
	case e.InUse():
		return "is already in use"
	case denied && refusedAddress(e.Err).Port() < 1024:
		return "is not permitted: ports below 1024 are for privileged processes"
	case denied:
		return "is not permitted: the system keeps this port from the process"
	}
	cause := e.Err
	if op, ok := errors.AsType[*net.OpError](cause); ok {
		cause = op.Err // without the address, which net repeats
	}
	return fmt.Sprintf("cannot be listened on: %v", cause)
}

// Unwrap returns what the system said.
func (e *ListenError) Unwrap() error { return e.Err }

// refusedAddress is the address that the system refused to bind, with names
// resolved. It is the zero AddrPort if no name was resolved; its Addr is not valid if
// all addresses of the machine were meant.
func refusedAddress(err error) netip.AddrPort {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		if tcp, ok := op.Addr.(*net.TCPAddr); ok {
			ap := tcp.AddrPort()
			return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
		}
	}
	return netip.AddrPort{}
}
