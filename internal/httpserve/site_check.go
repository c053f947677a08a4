package httpserve

import (
	"net/http"
	"net/url"
	"slices"
)

// SiteCheck refuses requests that pages of other sites cause, with 403, code cross_site.
// It is for calls that do something on a GET: a browser sends these for a page of any
// site, only without showing it the answer.
//
// The browser's own judgement, Sec-Fetch-Site, decides. It holds behind any proxy, since
// a browser knows the address that it asked. Browsers send it if that address is https
// or loopback. Otherwise the page that Origin or Referer names decides. It is one of
// ours if it has the host that the request is for, or one of Names: behind a proxy that
// rewrites Host only Names tell. Since a page can suppress Referer, this keeps out only
// pages that do not mean to get around it. A request that says nothing of a page is
// served: programs send such requests.
type SiteCheck struct {
	Names   []string // host names of this installation, as [ParseHost] returns them
	Invited Origins  // pages of these origins are served, too
	// Advice says what whoever is refused does instead. It ends the message of a
	// refusal. Default: open it directly, or with a program.
	Advice string
}

// Wrap returns a handler that passes to next what is not refused.
func (c SiteCheck) Wrap(next http.Handler) http.Handler {
	advice := c.Advice
	if advice == "" {
		advice = "open it directly, or with a program"
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.refuses(r) {
			Refusalf(http.StatusForbidden, "cross_site", "a page of another site asked for this: %s", advice).ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (c SiteCheck) refuses(r *http.Request) bool {
	if c.Invited.Invite(r.Header.Get("Origin")) {
		return false
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "":
	default:
		return true
	}
	for _, name := range []string{"Origin", "Referer"} {
		if page := r.Header.Get(name); page != "" {
			u, err := url.Parse(page)
			return err != nil || u.Host != r.Host && !slices.Contains(c.Names, hostOf(u.Host))
		}
	}
	return false
}
