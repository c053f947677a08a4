// Package web is what serve hands out to browsers: the page people tap on, the overlay for
// OBS and big screens, and the module that both use, which any site may use too. What is
// served is what stands in static/, without a build step.
package web

import (
	"bytes"
	"embed"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
)

//go:embed static
var static embed.FS

// pages are the paths that are not named as their files.
var pages = map[string]string{
	"/{$}":           "index.html",
	"/overlay":       "overlay.html",
	"/overlay/setup": "setup.html",
}

// Handler serves the pages and the module.
type Handler struct{}

// Routes adds the handler's paths to mux.
func (h *Handler) Routes(mux *http.ServeMux) {
	files, err := static.ReadDir("static")
	if err != nil {
		panic(err) // it is in the binary
	}
	for _, f := range files {
		mux.Handle("/"+f.Name(), serve(f.Name()))
	}
	for pattern, name := range pages {
		mux.Handle(pattern, serve(name))
	}
}

// serve returns a handler that answers with a file.
func serve(name string) http.Handler {
	content, err := fs.ReadFile(static, "static/"+name)
	return httpserve.Methods(func(w http.ResponseWriter, r *http.Request) {
		if err != nil {
			httpserve.NotFound().ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}, http.MethodGet)
}
