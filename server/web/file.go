package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// typeOf returns the content type of a file. The system's own tables are not asked: some
// have text/plain for scripts, which browsers then do not run.
func typeOf(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".ico":
		return "image/x-icon"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".json":
		return "application/json"
	case ".png":
		return "image/png"
	case ".svg":
		return "image/svg+xml"
	case ".ts":
		return "application/typescript; charset=utf-8"
	case ".txt":
		return "text/plain; charset=utf-8"
	case ".yaml":
		return "application/yaml; charset=utf-8"
	}
	panic("web: of what type is " + name + "?") // a test opens every file
}

// file is a file as it is sent: plain, and compressed if that is shorter. It is compressed when
// somebody first asks for it.
type file struct {
	contentType string
	isPage      bool // it is HTML
	plain       representation
	gzip        func() representation // without a body: that would not be shorter
}

// representation is one form of a file.
type representation struct {
	body []byte
	etag string
}

func newFile(name string, content []byte) *file {
	return &file{
		contentType: typeOf(name), isPage: path.Ext(name) == ".html", plain: representationOf(content),
		gzip: sync.OnceValue(func() representation {
			if packed := compress(content); len(packed) < len(content) {
				return representationOf(packed)
			}
			return representation{}
		}),
	}
}

// representationOf names a body by its hash, which is another one for each form of a file.
func representationOf(body []byte) representation {
	sum := sha256.Sum256(body)
	return representation{body, `"` + hex.EncodeToString(sum[:12]) + `"`}
}

// compress returns what gzip makes of content: the same for the same content.
func compress(content []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // a buffer takes all
	}
	return b.Bytes()
}

// serve answers with the file. Browsers may keep it, and ask each time whether it is still
// the same, so that a new version of the server is seen at once.
func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", "no-cache")
	form := f.plain
	if packed := f.gzip(); packed.body != nil {
		h.Add("Vary", "Accept-Encoding")
		if takesGzip(r.Header.Values("Accept-Encoding")) {
			form = packed
			h.Set("Content-Encoding", "gzip")
			h.Set("Content-Length", strconv.Itoa(len(form.body))) // ServeContent leaves it out beside an encoding
		}
	}
	h.Set("ETag", form.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(form.body))
}

// takesGzip says whether the values of Accept-Encoding allow gzip.
func takesGzip(accepted []string) bool {
	takes, named := false, false
	for item := range strings.SplitSeq(strings.Join(accepted, ","), ",") {
		coding, parameters, _ := strings.Cut(item, ";")
		coding = strings.ToLower(strings.TrimSpace(coding))
		if isGzip := coding == "gzip" || coding == "x-gzip"; isGzip || coding == "*" && !named {
			takes, named = !refused(parameters), named || isGzip
		}
	}
	return takes
}

// refused says whether the parameters of a coding give it the weight 0.
func refused(parameters string) bool {
	name, weight, _ := strings.Cut(parameters, "=")
	if !strings.EqualFold(strings.TrimSpace(name), "q") {
		return false
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(weight), 64)
	return err == nil && q <= 0
}
