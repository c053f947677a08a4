package client

import (
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/emostream/emostream/internal/errno"
	"github.com/emostream/emostream/internal/text"
)

// UnreachedError says that no connection to a server was made.
type UnreachedError struct {
	URL string // base URL of the server
	Err error
}

func (e *UnreachedError) Error() string {
	advice := "is it running? try emostream up"
	if _, ok := errors.AsType[*net.DNSError](e.Err); ok {
		advice = "is its name right?"
	}
	return fmt.Sprintf("%s cannot be reached (%s): %s", text.HideUserinfo(e.URL), errno.Cause(e.Err), advice)
}

func (e *UnreachedError) Unwrap() error { return e.Err }

// Explain returns an error of a request as people read it: which server, why, and what
// to do, without the chain of what was attempted. Errors of another kind it returns as
// they are.
func Explain(err error) error {
	if known, ok := errors.AsType[*UnreachedError](err); ok {
		return known
	}
	request, ok := errors.AsType[*url.Error](err)
	if !ok {
		return err
	}
	server := request.URL
	if u, err := url.Parse(request.URL); err == nil {
		server = u.Scheme + "://" + u.Host
	}
	if Unreached(err) {
		return &UnreachedError{server, err}
	}
	return fmt.Errorf("%s did not answer: %w", text.HideUserinfo(server), request.Err)
}
