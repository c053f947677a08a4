package httpserve

import (
	"net/http"
	"strings"
)

// Methods serves requests with the given methods. If GET is one of them, it serves
// HEAD, too. It refuses all others with 405 and an Allow header.
func Methods(next http.HandlerFunc, methods ...string) http.Handler {
	allow := strings.Join(methods, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, m := range methods {
			if r.Method == m || m == http.MethodGet && r.Method == http.MethodHead {
				if r.ContentLength != 0 && r.Method != http.MethodPost {
					holdBack(r) // nobody wants that body, so its connection is of no more use
				}
				next(w, r)
				return
			}
		}
		w.Header().Set("Allow", allow)
		Refusalf(http.StatusMethodNotAllowed, "method_not_allowed", "%.16q is not served at %.64q: use %s", r.Method, r.URL.Path, allow).ServeHTTP(w, r)
	})
}

// NotFound refuses every request with 404, and names the paths that are served.
func NotFound(served ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Refusalf(http.StatusNotFound, "not_found", "nothing is served at %.64q: there are %s", r.URL.Path, strings.Join(served, ", ")).ServeHTTP(w, r)
	})
}
