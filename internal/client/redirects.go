package client

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/text"
)

// maxRedirects is how many redirections in a row are followed.
const maxRedirects = 5

// FollowRedirects returns a client like c, by default http.DefaultClient, that follows
// redirections by one rule:
//
//   - The request stays what it is, with its method and body. net/http alone would make
//     a GET of a POST after 301 and 302.
//   - A 303 to anything but a GET is not followed. It says that the request was handled,
//     so that sending it again could count reactions twice.
//   - From https it never goes to http.
//   - Another host is not told the password of the first, nor its address.
//
// What is not followed is a *RedirectError, which names the address to use. Of the
// client's errors Unreached and WrongScheme tell the truth.
func FollowRedirects(c *http.Client) *http.Client {
	if c == nil {
		c = http.DefaultClient
	}
	following := *c
	following.CheckRedirect = follow
	following.Transport = connectionNoter{c.Transport}
	return &following
}

// follow makes of next, which net/http made of a redirection, what FollowRedirects
// promises. before are the requests so far.
func follow(next *http.Request, before []*http.Request) error {
	first, last := before[0], before[len(before)-1]
	refused := redirection(last.URL, next.Response.StatusCode, next.URL)
	switch {
	case refused.Wrong == notHTTP:
		return refused
	case len(before) > maxRedirects && slices.ContainsFunc(before, func(r *http.Request) bool { return sameAddress(r.URL, next.URL) }):
		refused.Wrong = circle
		return refused
	case len(before) > maxRedirects:
		refused.Why = fmt.Sprintf("that is the end of %d redirections", maxRedirects)
		return refused
	case last.URL.Scheme == "https" && next.URL.Scheme != "https":
		refused.Why = "what is sent there could be read on the way"
		return refused
	case refused.Status == http.StatusSeeOther && first.Method != http.MethodGet:
		return refused
	}
	if next.Method != first.Method {
		next.Method = first.Method
		next.Header.Set("Content-Type", first.Header.Get("Content-Type"))
		if first.GetBody != nil {
			body, err := first.GetBody()
			if err != nil {
				return err
			}
			next.Body, next.GetBody, next.ContentLength = body, first.GetBody, first.ContentLength
		}
	}
	next.Header.Del("Referer") // its query may hold what is not for others
	switch {
	case !sameHost(last.URL, next.URL):
		next.Header.Del("Authorization")
		next.Header.Del("Cookie")
	case next.URL.User == nil:
		next.URL.User = last.URL.User
	}
	return nil
}

// sameHost says whether a redirection stays at its host, perhaps with https instead of
// http.
func sameHost(from, to *url.URL) bool {
	upgraded := from.Scheme == "http" && to.Scheme == "https" && from.Port() == "" && to.Port() == ""
	return from.Hostname() == to.Hostname() && (from.Scheme == to.Scheme && from.Port() == to.Port() || upgraded)
}

// sameAddress says whether two URLs ask the same server for the same.
func sameAddress(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && a.Host == b.Host && a.RequestURI() == b.RequestURI()
}

// RedirectError says that a server sends its clients to another address, to which the
// request was not sent.
type RedirectError struct {
	Status   int
	From, To string // base URLs of the servers
	Why      string // why it was not followed, if there is more to say
	Wrong    string // why To is no address to use; empty if it may be one
}

// Why an address is not to be used.
const (
	notHTTP = "that is no address of a server, which begins with http:// or https://"
	circle  = "that is a circle, which has no end: mend it in the server, or give the address behind it"
)

func (e *RedirectError) Error() string {
	s := fmt.Sprintf("%s answers %d and sends its clients to %s: ", e.From, e.Status, e.To)
	if e.Wrong != "" {
		return s + e.Wrong
	}
	s += "use that address"
	if e.Why != "" {
		s += ", if it is right (" + e.Why + ")"
	}
	return s
}

// Redirection returns a *RedirectError if an answer to a request for from sends
// elsewhere, and else nil. location is the Location of its header.
func Redirection(from *url.URL, status int, location string) error {
	to, err := from.Parse(location)
	if err == nil && location != "" && redirects(status) {
		return redirection(from, status, to)
	}
	return nil
}

// redirects says whether an answer with this status sends elsewhere.
func redirects(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// redirection returns the error of a redirection from one URL of a request to another.
// The base URLs are what is left before the part of their paths that is the same.
func redirection(from *url.URL, status int, to *url.URL) *RedirectError {
	a, b := strings.Split(from.Path, "/"), strings.Split(to.Path, "/")
	for len(a) > 1 && len(b) > 1 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	base := func(u *url.URL, path []string) string {
		return text.Clip(text.Clean(u.Scheme+"://"+u.Host+strings.Join(path, "/")), 200, "…")
	}
	e := &RedirectError{Status: status, From: base(from, a), To: base(to, b)}
	switch {
	case to.Scheme != "http" && to.Scheme != "https":
		e.Wrong = notHTTP
	case sameAddress(from, to):
		e.Wrong = circle
	}
	return e
}
