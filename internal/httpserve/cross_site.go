package httpserve

import (
	"net/http"
	"net/url"
)

// SameSite refuses requests that pages of other sites cause, with 403, code cross_site.
// It is for calls that do something on a GET: a browser sends these for a page of any
// site, only without showing it the answer.
//
// A browser says where a request comes from: in Sec-Fetch-Site if the server's address
// is https or loopback, else in Origin or Referer, which the page can suppress. A
// request that says nothing of it is served, since programs send such requests.
func SameSite(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if crossSite(r) {
			Refusalf(http.StatusForbidden, "cross_site", "a page of another site asked for this: open it directly, or with a program").ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// crossSite says whether a page of another site caused a request.
func crossSite(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "":
	default:
		return true
	}
	for _, name := range []string{"Origin", "Referer"} {
		if from := r.Header.Get(name); from != "" {
			u, err := url.Parse(from)
			return err != nil || u.Host != r.Host
		}
	}
	return false
}
