// Package web is what serve hands out to browsers: the page people tap on, the overlay for
// OBS and big screens, and the module that both use, which any site may use too. What is
// served is what stands in static/, without a build step.
package web

import (
	"embed"
	"net/http"
	"path"

	"github.com/emostream/emostream/internal/httpserve"
)

//go:embed static
var static embed.FS

// page is where a file is served.
type page struct {
	path   string
	framed bool   // pages of the same origin may show it in a frame
	extra  string // further directives of its Content-Security-Policy
}

// pages returns the files to open in a browser. The others have their names for paths.
func pages() map[string]page {
	return map[string]page{
		"index.html":   {path: "/{$}"},
		"overlay.html": {path: "/overlay", framed: true},
		"setup.html":   {path: "/overlay/setup", extra: "; frame-src 'self'"}, // it shows the overlay
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
		p, ok := pages()[f.Name()]
		if !ok {
			p.path = "/" + f.Name()
		}
		mux.Handle(p.path, h.serve(f.Name(), p))
	}
}

// serve returns a handler that answers with a file.
func (h *Handler) serve(name string, p page) http.Handler {
	content, err := static.ReadFile(path.Join("static", name))
	if err != nil {
		panic(err) // it is in the binary
	}
	file := newFile(name, content)
	return httpserve.Methods(func(w http.ResponseWriter, r *http.Request) {
		h.protect(w.Header(), r, p)
		if !file.isPage {
			letImport(w.Header())
		}
		file.serve(w, r)
	}, http.MethodGet)
}
