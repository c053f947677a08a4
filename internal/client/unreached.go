package client

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"

	"github.com/emostream/emostream/internal/errno"
	"github.com/emostream/emostream/internal/text"
)

// UnreachedError says that a server was sent nothing, since no connection was made.
type UnreachedError struct {
	URL string // base URL of the server
	Err error
	// Foreign says that it is no server of Emostream, so that nothing is advised which
	// starts one.
	Foreign bool
}

func (e *UnreachedError) Error() string {
	advice := "is it running? try emostream up"
	_, noName := errors.AsType[*net.DNSError](e.Err)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](e.Err)
	switch u, err := url.Parse(e.URL); {
	case noName:
		advice = "is its name right?"
	case untrusted:
		advice = "is it the name that the certificate is for, and does this machine trust who signed it? If not, give --cacert the certificate of who did"
	case e.Foreign:
		advice = "is it running?"
	case err == nil && errors.Is(e.Err, errno.Refused) && isOwnAddress(net.ParseIP(u.Hostname())):
		advice = "is it running? On this address of this machine it listens only if it is told so, as in emostream up --host 0.0.0.0"
	}
	return fmt.Sprintf("%s cannot be reached (%s): %s", text.ShownURL(e.URL), errno.Cause(e.Err), advice)
}

func (e *UnreachedError) Unwrap() error { return e.Err }

// Explain returns an error of a request as people read it: which server, why, and what
// to do, without the chain of what was attempted. Errors of another kind it returns as
// they are.
func Explain(err error) error {
	if known, ok := errors.AsType[*UnreachedError](err); ok {
		return known
	}
	if known, ok := errors.AsType[*SchemeError](err); ok {
		return known
	}
	if elsewhere, ok := errors.AsType[*RedirectError](err); ok {
		return elsewhere
	}
	request, ok := errors.AsType[*url.Error](err)
	if !ok {
		return err
	}
	return ExplainAt(baseURL(request.URL), request.Err)
}

// ExplainAt does what Explain does with an error of a connection to a server, which has
// the base URL server.
func ExplainAt(server string, err error) error {
	switch {
	case WrongScheme(err):
		return &SchemeError{text.ShownURL(server), err}
	case Unreached(err):
		return &UnreachedError{URL: server, Err: err}
	}
	return fmt.Errorf("%s did not answer: %w", text.ShownURL(server), err)
}

// IsThisMachine says whether an address is one of this machine.
func IsThisMachine(ip net.IP) bool { return ip.IsLoopback() || isOwnAddress(ip) }

// isOwnAddress says whether one of this machine's networks has given it this address.
// Loopback addresses are none.
func isOwnAddress(ip net.IP) bool {
	own, err := net.InterfaceAddrs()
	return err == nil && !ip.IsLoopback() && slices.ContainsFunc(own, func(a net.Addr) bool {
		of, ok := a.(*net.IPNet)
		return ok && of.IP.Equal(ip)
	})
}
