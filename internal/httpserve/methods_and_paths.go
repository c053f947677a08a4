package httpserve

import (
	"net/http"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/text/quote"
)

// PlainPaths serves requests as if they had asked for a path with one slash between
// segments. Clients that put a base URL and a path together ask for //send_emoji. For such
// a path http.ServeMux answers with an empty redirect, which most clients do not follow
// with a POST.
//
// It refuses other ways to write a path with 404: dots as segments, and escapes of what
// needs none, such as slashes. A proxy that forbids a path as it is written, and does not
// know that another one means the same, would let these pass.
func PlainPaths(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawPath != "" || hasDots(r.URL.Path) { // RawPath is set if there are such escapes
			Refusalf(http.StatusNotFound, "not_found", "nothing is served at %s: write the path without dots as segments and without escapes", quote.Text(r.URL.EscapedPath(), 64)).ServeHTTP(w, r)
			return
		}
		if plain := plainPath(r.URL.Path); plain != r.URL.Path {
			again, u := *r, *r.URL
			u.Path = plain
			again.URL = &u
			r = &again
		}
		next.ServeHTTP(w, r)
	})
}

// hasDots says whether a path has dots as a segment.
func hasDots(p string) bool {
	if !strings.Contains(p, "/.") {
		return false
	}
	for segment := range strings.SplitSeq(p, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

func plainPath(p string) string {
	if !strings.HasPrefix(p, "/") {
		p = "/" + p
	}
	for strings.Contains(p, "//") {
		p = strings.ReplaceAll(p, "//", "/")
	}
	return p
}

// Methods serves requests with the given methods. If GET is one of them, it serves
// HEAD, too. It refuses all others with 405 and an Allow header.
func Methods(next http.HandlerFunc, methods ...string) http.Handler {
	allow := strings.Join(methods, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, m := range methods {
			if r.Method == m || m == http.MethodGet && r.Method == http.MethodHead {
				if r.ContentLength != 0 && r.Method != http.MethodPost && r.Method != http.MethodPut {
					holdBack(r) // nobody wants that body, so its connection is of no more use
				}
				next(w, r)
				return
			}
		}
		w.Header().Set("Allow", allow)
		Refusalf(http.StatusMethodNotAllowed, "method_not_allowed", "%.16q is not served at %s: use %s%s", r.Method, quote.Text(r.URL.Path, 64), allow, uninvited(r)).ServeHTTP(w, r)
	})
}

// NotFound refuses every request with 404, and names the paths that are served. If one of
// them was asked for with a slash at the end, it says so.
func NotFound(served ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if plain, ok := strings.CutSuffix(r.URL.Path, "/"); ok && slices.Contains(served, plain) {
			Refusalf(http.StatusNotFound, "not_found", "nothing is served at %s: leave out the slash at the end", quote.Text(r.URL.Path, 64)).ServeHTTP(w, r)
			return
		}
		Refusalf(http.StatusNotFound, "not_found", "nothing is served at %s: there are %s", quote.Text(r.URL.Path, 64), strings.Join(served, ", ")).ServeHTTP(w, r)
	})
}
