package httpserve

import (
	"net/http"
	"path"
	"strings"

	"github.com/emostream/emostream/internal/text/quote"
)

// PlainPaths serves requests as if they had asked for the plain form of their path: with
// one slash between segments, without dots as segments, and with nothing escaped. Clients
// that put a base URL and a path together ask for //send_emoji. For such a path
// http.ServeMux answers with an empty redirect, which most clients do not follow with a
// POST.
func PlainPaths(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if plain := plainPath(r.URL.Path); plain != r.URL.Path || r.URL.RawPath != "" {
			again, u := *r, *r.URL
			u.Path, u.RawPath = plain, ""
			again.URL = &u
			r = &again
		}
		next.ServeHTTP(w, r)
	})
}

func plainPath(p string) string {
	if !strings.HasPrefix(p, "/") {
		p = "/" + p
	}
	plain := path.Clean(p)
	if strings.HasSuffix(p, "/") && plain != "/" {
		return plain + "/"
	}
	return plain
}

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
		Refusalf(http.StatusMethodNotAllowed, "method_not_allowed", "%.16q is not served at %s: use %s", r.Method, quote.Text(r.URL.Path, 64), allow).ServeHTTP(w, r)
	})
}

// NotFound refuses every request with 404, and names the paths that are served.
func NotFound(served ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Refusalf(http.StatusNotFound, "not_found", "nothing is served at %s: there are %s", quote.Text(r.URL.Path, 64), strings.Join(served, ", ")).ServeHTTP(w, r)
	})
}
