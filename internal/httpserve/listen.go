// Package httpserve is what every HTTP server of Emostream does alike, before
// and after it serves: bind early, drain late, and keep strangers out.
//
// A listener is bound before anything else starts, so that port 0 works and a
// taken port fails at once, with the flag that moves it and, where the system
// tells, the process that holds it ([Listen]). A server stops in the data's
// order: it takes nothing new, ends its streams, lets the requests in flight
// finish, and goes ([Serve]). Requests and streams part there: a reaction that is
// on its way into the log must get its answer, a stream would never end by
// itself. So a handler that streams is wrapped in [Streaming].
//
// A server on a loopback address is not out of reach: the user's own browser
// brings any page of the web to it. [LoopbackHost] is the answer.
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

// Listen binds the TCP address addr at once. flag is how the user moves it, such
// as --port; errors name it. ctx bounds the look-up of a name and nothing after it.
// Every error is a *[ListenError].
func Listen(ctx context.Context, addr, flag string) (net.Listener, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err == nil {
		return ln, nil
	}
	failed := &ListenError{Addr: addr, Flag: flag, Err: err}
	if failed.InUse() {
		failed.Owner = owner(bound(err))
	}
	return nil, failed
}

// ListenError says why an address could not be bound, and what to do about it.
type ListenError struct {
	Addr  string // as it was asked for
	Flag  string // the flag that moves it
	Owner string // who holds a taken address: "python3 (pid 4242)"; empty when not known
	Hint  string // a command that works, for the caller to fill in: "emostream up --port 5050"
	Err   error  // what the system said
}

// InUse reports whether somebody else holds the address.
func (e *ListenError) InUse() bool { return errors.Is(e.Err, errno.InUse) }

// Error is one line for the user.
func (e *ListenError) Error() string {
	s := fmt.Sprintf("address %s (%s) ", e.Addr, e.Flag)
	switch {
	case e.InUse():
		s += "is already in use"
		if e.Owner != "" {
			s += " by " + e.Owner
		}
	case isDenied(e.Err) && bound(e.Err).Port() < 1024:
		s += "is not permitted: ports below 1024 are for privileged processes"
	case isDenied(e.Err):
		s += "is not permitted: the system keeps this port from the process"
	default:
		// net's error repeats the address; what the system said is enough.
		cause := e.Err
		if op, ok := errors.AsType[*net.OpError](cause); ok {
			cause = op.Err
		}
		s += fmt.Sprintf("cannot be listened on: %v", cause)
	}
	s += "; choose another with " + e.Flag
	if e.Hint != "" {
		s += ", for example: " + e.Hint
	}
	return s
}

// Unwrap returns what the system said.
func (e *ListenError) Unwrap() error { return e.Err }

// bound returns the address that the system refused, once names were resolved:
// the zero AddrPort when it did not come to that, an address that is not valid
// when all addresses were meant.
func bound(err error) netip.AddrPort {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		if tcp, ok := op.Addr.(*net.TCPAddr); ok {
			ap := tcp.AddrPort()
			return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
		}
	}
	return netip.AddrPort{}
}

// isDenied reports whether the system forbids this process to bind the address.
func isDenied(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, errno.Denied)
}
