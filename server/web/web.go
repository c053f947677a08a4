// Package web is what serve hands out to browsers: the page people tap on, the overlay for
// OBS and big screens, and the module that both use, which any site may use too. What is
// served is what stands in static/, without a build step.
package web

import (
	"embed"
	"net/http"
	"path"
	"slices"

	"github.com/emostream/emostream/internal/httpserve"
)

//go:embed static
var static embed.FS

// page is a file that is served at a path of its own.
type page struct {
	path, file string
	framed     bool   // pages of the same origin may show it in a frame
	extra      string // further directives of its Content-Security-Policy
}

// pages returns those to open in a browser.
func pages() []page {
	return []page{
		{path: "/{$}", file: "index.html"},
		{path: "/overlay", file: "overlay.html", framed: true},
		{path: "/overlay/setup", file: "setup.html", extra: "; frame-src 'self'"}, // it shows the overlay
	}
}

// Paths returns those that people open and that other pages import, for the refusal of others.
func Paths() []string { return []string{"/", "/overlay", "/overlay/setup", "/emostream.js"} }

// Handler serves the pages and the module.
type Handler struct {
	// Framers are the origins whose pages may show the pages in a frame; * is all. Default:
	// none, beside the setup of the overlay, which shows the overlay.
	Framers []string
}

// Routes adds the handler's paths to mux.
func (h *Handler) Routes(mux *http.ServeMux) {
	files, err := static.ReadDir("static")
	if err != nil {
		panic(err) // it is in the binary
	}
	for _, f := range files {
		at := page{file: f.Name()}
		if i := slices.IndexFunc(pages(), func(p page) bool { return p.file == f.Name() }); i >= 0 {
			at = pages()[i]
			mux.Handle(at.path, h.serve(at))
		}
		mux.Handle("/"+f.Name(), h.serve(at))
	}
}

// serve returns a handler that answers with a file.
func (h *Handler) serve(p page) http.Handler {
	content, err := static.ReadFile(path.Join("static", p.file))
	if err != nil {
		panic(err) // it is in the binary
	}
	file := newFile(p.file, content)
	return httpserve.Methods(func(w http.ResponseWriter, r *http.Request) {
		h.protect(w.Header(), r, p)
		if !file.isPage {
			letImport(w.Header())
		}
		file.serve(w, r)
	}, http.MethodGet)
}
