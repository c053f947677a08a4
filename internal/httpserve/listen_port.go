// Package httpserve has what all HTTP servers of Emostream share: how they bind a port,
// limit their connections, refuse requests, and stop.
//
// A port is bound before anything else starts ([Listen]), so that port 0 works and a
// taken port fails at once. A server stops in this order ([Serve]): it accepts nothing
// new, ends its streams, lets the requests in flight finish, and closes. Streams are
// ended and requests are not, since a reaction that is being written must get its
// answer, while a stream would never end by itself. A handler that streams is wrapped
// in [Streaming].
//
// Any web page can reach a server through the browser of a user who can reach it.
// [HostCheck], [SiteCheck] and [CORS] decide which pages are served.
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

// Listen binds the TCP address addr at once. ctx bounds only the look-up of its name.
// Every error is a *[ListenError].
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
	Addr  string // as the caller gave it
	Owner string // if the address is taken, who holds it: "python3 (pid 4242)"; empty if not known
	Err   error  // the system's error
}

// InUse says whether another process holds the address.
func (e *ListenError) InUse() bool { return errors.Is(e.Err, errno.InUse) }

func (e *ListenError) Error() string { return "address " + e.Addr + " " + e.Reason() }

// Reason returns the text of the error without the address, such as "is already in
// use".
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
		cause = op.Err // without the address, which net writes again
	}
	return fmt.Sprintf("cannot be listened on: %v", cause)
}

// Unwrap returns the system's error.
func (e *ListenError) Unwrap() error { return e.Err }

// refusedAddress returns the address that the system refused to bind, with its name
// resolved. It returns the zero AddrPort if the name was not resolved. If all addresses
// of the machine were meant, the Addr in it is not valid.
func refusedAddress(err error) netip.AddrPort {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		if tcp, ok := op.Addr.(*net.TCPAddr); ok {
			ap := tcp.AddrPort()
			return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
		}
	}
	return netip.AddrPort{}
}
