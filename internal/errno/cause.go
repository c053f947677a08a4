package errno

import (
	"errors"
	"net"
	"net/url"
	"syscall"
)

// Cause returns in a few words why a connection could not be made or broke, such as
// connection refused, without the chain of what was attempted.
func Cause(err error) string {
	if lookup, ok := errors.AsType[*net.DNSError](err); ok {
		return lookup.Err
	}
	if errors.Is(err, Refused) {
		return "connection refused" // each system says it in other words
	}
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number.Error()
	}
	if network, ok := errors.AsType[*net.OpError](err); ok {
		return network.Err.Error()
	}
	if request, ok := errors.AsType[*url.Error](err); ok {
		return request.Err.Error()
	}
	return err.Error()
}
