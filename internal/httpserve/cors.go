package httpserve

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/text/quote"
)

// Origins are the web origins whose pages may use a server from a browser. The zero
// value allows none.
type Origins struct {
	all     bool
	allowed []string
	pages   *PageServer // its pages are invited; nil: there is none
}

// ParseOrigins parses a list of origins, such as https://example.com. * stands for all.
func ParseOrigins(list []string) (Origins, error) {
	var o Origins
	for _, s := range list {
		if s == "*" {
			o.all = true
			continue
		}
		if s == "null" {
			return Origins{}, errors.New(`"null" is no origin but what browsers send for a page that has none, as one from a file or in a sandbox of any site: give * to let all pages in, or serve the page from an origin, like https://example.com or http://localhost:8080`)
		}
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || s != OriginOf(u) || !lowerASCII(u.Host) {
			return Origins{}, fmt.Errorf("%s is not an origin: want * or one as browsers write it, like https://example.com or http://localhost:8080, without a path, in lower case, and without the port that goes without saying", quote.Text(s, 60))
		}
		o.allowed = append(o.allowed, s)
	}
	return o, nil
}

// OriginOf returns the origin of a URL of http or https, as browsers write it: in lower case,
// and without the port that goes without saying.
func OriginOf(u *url.URL) string {
	host := strings.ToLower(u.Host)
	if u.Scheme == "http" && u.Port() == "80" || u.Scheme == "https" && u.Port() == "443" {
		host = host[:strings.LastIndex(host, ":")]
	}
	return u.Scheme + "://" + host
}

func lowerASCII(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c >= 'A' && c <= 'Z' || c == '*' {
			return false
		}
	}
	return true
}

// Invite says whether pages of an origin, as browsers write it, may use the server.
func (o Origins) Invite(origin string) bool {
	return origin != "" && (o.all || o.names(origin))
}

// names says whether an origin is invited for itself, and not as all are.
func (o Origins) names(origin string) bool {
	return slices.Contains(o.allowed, origin) || o.pages.has(origin)
}

// answer adds to the headers of an answer what a browser needs to know of an invited
// origin, and says whether the request was a preflight, which that answers.
func (o Origins) answer(h http.Header, r *http.Request) (preflight bool) {
	o.letRead(h, r.Header.Get("Origin"))
	if preflight = isPreflight(r); preflight {
		allowPreflight(h, r.URL.Path, r.Header.Values("Access-Control-Request-Headers"))
	}
	return preflight
}

// letRead adds to the headers of an answer what a browser needs, so that a page of an
// invited origin may read it.
//
// A page of a named origin may send cookies and the like with its requests, as
// navigator.sendBeacon always does: a proxy in front may want to see them. Pages of
// other origins may not, since whoever is logged in at such a proxy has not invited them.
func (o Origins) letRead(h http.Header, origin string) {
	if o.names(origin) {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
	} else {
		h.Set("Access-Control-Allow-Origin", "*")
	}
	h.Set("Access-Control-Expose-Headers", "Allow, Retry-After, X-Request-Id")
}

// CORS lets pages of the given origins use next and read its answers. Before a browser
// posts JSON from a page of another origin, it asks whether it may (a preflight
// request). An answer without CORS headers means no. So if there are no origins, CORS
// returns next itself.
//
// What next refuses, it refuses to pages too. They may read why.
func CORS(next http.Handler, o Origins) http.Handler {
	if !o.all && len(o.allowed) == 0 && o.pages == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin") // on every answer, since a cache may keep any
		if o.Invite(r.Header.Get("Origin")) && o.answer(h, r) {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isPreflight says whether a browser asks by a request whether it may send another one.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
}

// uninvited returns what the refusal of a method adds if a browser asks for a page that is
// not invited, else "". CORS answers for the pages that are.
func uninvited(r *http.Request) string {
	origin := r.Header.Get("Origin")
	if origin == "" || !isPreflight(r) {
		return ""
	}
	return "; pages of " + quote.Text(origin, 64) + " are not invited: let the operator invite the origin with --cors-origin"
}

// maxRequestedHeaders is how many bytes the headers' names of a preflight may have.
const maxRequestedHeaders = 2 << 10

// allowPreflight allows a request with any headers: those that no server here reads may
// be for a proxy, or come from a library that adds them to every request. It does not
// send names back that are longer than those of any page.
func allowPreflight(h http.Header, path string, requested []string) {
	h.Add("Vary", "Access-Control-Request-Headers")
	methods := "GET, POST"
	if strings.HasPrefix(path, "/v1/controls/") {
		methods = "GET, PUT, DELETE"
	}
	h.Set("Access-Control-Allow-Methods", methods)
	if all := strings.Join(requested, ", "); all != "" && len(all) <= maxRequestedHeaders {
		h.Set("Access-Control-Allow-Headers", all)
	}
	h.Set("Access-Control-Max-Age", "600")
}
