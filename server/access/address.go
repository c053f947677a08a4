package access

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	fetchTimeout = 5 * time.Second
	maxJWKS      = 1 << 20
	maxRedirects = 5
)

// address is where a JWKS is fetched from.
type address struct {
	url    *url.URL
	name   string // for people: without a query
	client *http.Client
}

// isURL says whether keys are at an address, and not in a file.
func isURL(keys string) bool { return strings.Contains(keys, "://") }

func newAddress(raw string, transport http.RoundTripper) (*address, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("the URL of the keys cannot be read")
	}
	if err := checkURL(u); err != nil {
		return nil, err
	}
	name := *u
	name.RawQuery, name.Fragment = "", ""
	return &address{url: u, name: name.String(), client: &http.Client{
		Transport: cmp.Or(transport, http.DefaultTransport),
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return fmt.Errorf("it redirects more than %d times", maxRedirects)
			}
			return checkURL(r.URL)
		},
	}}, nil
}

// checkURL returns why keys are not fetched from an address, or nil.
func checkURL(u *url.URL) error {
	host := u.Hostname()
	switch {
	case host == "":
		return errors.New("the URL of the keys has no host")
	case u.User != nil:
		return errors.New("the URL of the keys must not hold a password")
	case u.Scheme == "https", u.Scheme == "http" && (host == "localhost" || host == "127.0.0.1" || host == "::1"):
		return nil
	}
	return fmt.Errorf("keys are fetched by https, not by %.10s: on the way anybody could put in others", u.Scheme)
}

// fetch returns what is at the address.
func (a *address) fetch(ctx context.Context) ([]byte, error) {
	ctx, stop := context.WithTimeoutCause(ctx, fetchTimeout, fmt.Errorf("it does not answer within %v", fetchTimeout))
	defer stop()
	body, err := a.get(ctx)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return body, err
}

func (a *address) get(ctx context.Context) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url.String(), nil)
	if err != nil {
		return nil, errors.New("the URL of the keys cannot be read")
	}
	r.Header.Set("Accept", "application/json")
	answer, err := a.client.Do(r)
	if err != nil {
		if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
			err = wrapped.Err // without the URL, whose query stands in no log
		}
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %d, and not 200", answer.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxJWKS+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxJWKS {
		return nil, fmt.Errorf("it answers with more than %d bytes", maxJWKS)
	}
	return body, nil
}
