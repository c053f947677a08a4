package web

import (
	"net/http"
	"strings"
)

// protect adds the headers that tell a browser what a page may do. Scripts, styles and
// images come from the server alone, and nothing that stands in the page itself is run, so
// that a text of somebody else that got into it would do nothing. The page may connect to
// all servers: the subscriber servers have addresses of their own, and come and go.
func (h *Handler) protect(header http.Header, r *http.Request, p page) {
	connect := "'self' https:"
	if r.TLS == nil {
		connect += " http:"
	}
	header.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src "+connect+
		"; base-uri 'none'; form-action 'none'; frame-ancestors "+h.framers(p)+p.extra)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Permissions-Policy", "camera=(), display-capture=(), geolocation=(), microphone=(), midi=(), payment=(), usb=()")
}

// framers returns the origins whose pages may show a page in a frame, as a source list of a
// Content-Security-Policy. Whoever frames a page can lay something over it, and have people
// tap on what they do not see.
func (h *Handler) framers(p page) string {
	list := h.Framers
	if p.framed {
		list = append([]string{"'self'"}, list...)
	}
	if len(list) == 0 {
		return "'none'"
	}
	return strings.Join(list, " ")
}

// letImport lets pages of all origins load the module and what belongs to it. It is the
// same for everybody. Whether a page may do anything with it is another question, which the
// module then can ask, and tell the answer.
func letImport(header http.Header) {
	if header.Get("Access-Control-Allow-Origin") == "" {
		header.Set("Access-Control-Allow-Origin", "*")
	}
}
