package client

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/emostream/emostream/internal/text"
)

// SchemeError says that a server speaks http where https was asked for, or the reverse.
type SchemeError struct {
	URL string // base URL that was asked
	Err error
}

func (e *SchemeError) Error() string {
	if rest, ok := strings.CutPrefix(e.URL, "https://"); ok {
		return fmt.Sprintf("https://%s speaks no TLS there: is it http://%s?", rest, rest)
	}
	return fmt.Sprintf("%s speaks TLS: is it https://%s?", e.URL, strings.TrimPrefix(e.URL, "http://"))
}

func (e *SchemeError) Unwrap() error { return e.Err }

// WrongScheme says whether err, of a request or of a handshake, shows that the server
// speaks the other one of http and https. Requests are those of FollowRedirects.
func WrongScheme(err error) bool {
	if errors.Is(err, http.ErrSchemeMismatch) {
		return true
	}
	if _, noTLS := errors.AsType[tls.RecordHeaderError](err); noTLS {
		return true
	}
	_, connected := errors.AsType[*connectedError](err)
	return err != nil && !connected && strings.Contains(err.Error(), tlsAlert)
}

// tlsAlert is how the first bytes of a TLS alert stand in an error. A server that speaks
// TLS answers with one to what is not TLS.
const tlsAlert = `"\x15\x03`

// WantsTLS says whether an answer is that of a server that speaks TLS to a request
// without it.
func WantsTLS(status int, body []byte) bool {
	return status == http.StatusBadRequest && wantsTLS.Match(body)
}

// wantsTLS matches what Go's servers, nginx and Apache answer.
var wantsTLS = regexp.MustCompile(`HTTP request (was sent )?to (an )?HTTPS|speaking plain HTTP to an SSL`)

// baseURL returns the base URL of a request's URL, without a password.
func baseURL(request string) string {
	u, err := url.Parse(request)
	if err != nil {
		return text.ShownURL(request)
	}
	return u.Scheme + "://" + u.Host
}
