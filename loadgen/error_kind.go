package loadgen

import (
	"context"
	"errors"
	"net"
	"syscall"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/errno"
)

// errorKind returns the name under which a report counts an error of a connection.
func errorKind(err error) string {
	network, ok := errors.AsType[net.Error](err)
	_, elsewhere := errors.AsType[*client.RedirectError](err)
	_, wrongScheme := errors.AsType[*client.SchemeError](err)
	_, remote := errors.AsType[*RemoteError](err)
	_, noName := errors.AsType[*net.DNSError](err)
	disagreed, noTLS := errors.AsType[*TLSError](err)
	other, otherVersion := errors.AsType[*VersionError](err)
	switch {
	case otherVersion:
		return "it does not speak " + other.Lacked
	case errors.Is(err, errStreamRefused):
		return "HTTP/2 stream refused"
	case errors.Is(err, errGoingAway):
		return "going away"
	case errors.Is(err, errStreamReset):
		return "HTTP/2 stream reset"
	case elsewhere:
		return "redirected"
	case wrongScheme || client.WrongScheme(err):
		return "http and https confused"
	case remote:
		return "another machine"
	case noName:
		return "unknown host"
	case noTLS:
		return string(disagreed.Problem)
	case errors.Is(err, errMalformed):
		return "malformed answer"
	case ok && network.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, errno.Refused):
		return "connection refused"
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
