package web_test

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/emostream/emostream/server/web"
)

// handler returns the pages as the main server serves them.
func handler(framers ...string) http.Handler {
	mux := http.NewServeMux()
	(&web.Handler{Framers: framers}).Routes(mux)
	return mux
}

// answer is what a request was answered.
type answer struct {
	status int
	header http.Header
	length int64 // as announced
	body   string
}

// ask returns the answer to a request with headers, "Name: value".
func ask(h http.Handler, method, path string, headers ...string) answer {
	r := httptest.NewRequest(method, path, nil)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	length, err := strconv.ParseInt(w.Header().Get("Content-Length"), 10, 64)
	if err != nil {
		length = -1
	}
	return answer{w.Code, w.Header(), length, w.Body.String()}
}

// Every file is served as it stands in the repository, with a type that browsers take for
// what it is, plain and compressed.
func TestFiles(t *testing.T) {
	h := handler()
	for _, name := range fileNames(t) {
		path := pathOf(name)
		want, err := os.ReadFile("static/" + name)
		if err != nil {
			t.Fatal(err)
		}
		plain := ask(h, "GET", path)
		if got := plain.body; plain.status != 200 || got != string(want) || plain.length != int64(len(want)) {
			t.Errorf("%s: answered %d with %d bytes, want %s", path, plain.status, len(got), name)
		}
		if kind := plain.header.Get("Content-Type"); strings.HasSuffix(name, ".js") && kind != "text/javascript; charset=utf-8" || strings.HasSuffix(name, ".html") && kind != "text/html; charset=utf-8" || kind == "" {
			t.Errorf("%s: type %q", path, kind)
		}
		packed := ask(h, "GET", path, "Accept-Encoding: gzip, deflate, br, zstd")
		if packed.header.Get("Content-Encoding") != "gzip" {
			if len(want) > 1500 && !strings.HasSuffix(name, ".ico") {
				t.Errorf("%s of %d bytes is not compressed", path, len(want))
			}
			continue
		}
		sent := packed.body
		r, err := gzip.NewReader(strings.NewReader(sent))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) || packed.length != int64(len(sent)) {
			t.Errorf("%s: compressed it is another file: %v", path, err)
		}
		for _, res := range []answer{plain, packed} {
			if !strings.Contains(res.header.Get("Vary"), "Accept-Encoding") {
				t.Errorf("%s: a cache may hand out the compressed form to all: Vary is %q", path, res.header.Get("Vary"))
			}
		}
		if plain.header.Get("ETag") == packed.header.Get("ETag") {
			t.Errorf("%s: both forms have the tag %s", path, plain.header.Get("ETag"))
		}
		if head := ask(h, "HEAD", path, "Accept-Encoding: gzip"); head.status != 200 || head.length != packed.length || head.body != "" {
			t.Errorf("%s: HEAD answered %d, %d bytes", path, head.status, head.length)
		}
	}
}

// pathOf returns where a file is served: the pages at addresses that people type.
func pathOf(name string) string {
	switch name {
	case "index.html":
		return "/"
	case "overlay.html":
		return "/overlay"
	case "setup.html":
		return "/overlay/setup"
	}
	return "/" + name
}

func fileNames(t *testing.T) (names []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS("static"), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, path)
		}
		return err
	})
	if err != nil || len(names) == 0 {
		t.Fatalf("files: %v %v", names, err)
	}
	return names
}

// A browser may keep a file, asks whether it is still the same, and is told so.
func TestNotModified(t *testing.T) {
	h := handler()
	for _, accept := range []string{"identity", "gzip"} {
		first := ask(h, "GET", "/emostream.js", "Accept-Encoding: "+accept)
		tag := first.header.Get("ETag")
		if first.header.Get("Cache-Control") != "no-cache" || tag == "" {
			t.Fatalf("cache headers: %v", first.header)
		}
		for value, want := range map[string]int{
			tag: 304, "W/" + tag: 304, `"other", ` + tag: 304, "*": 304, `"other"`: 200,
		} {
			res := ask(h, "GET", "/emostream.js", "Accept-Encoding: "+accept, "If-None-Match: "+value)
			if body := res.body; res.status != want || (want == 304) != (body == "") || res.header.Get("ETag") != tag {
				t.Errorf("%s, If-None-Match %s: %d with %d bytes, want %d", accept, value, res.status, len(body), want)
			}
		}
	}
}

func TestTakesGzip(t *testing.T) {
	h := handler()
	for accepted, want := range map[string]bool{
		"gzip": true, "GZIP": true, "br, gzip;q=0.5": true, "deflate,gzip ; q=1": true, "*": true, "x-gzip": true,
		"": false, "identity": false, "br": false, "gzip;q=0": false, "gzip; q=0.000": false, "gzip;q=0, *": false, "*, gzip;q=0": false, "*;q=0": false, "notgzip": false,
	} {
		if got := ask(h, "GET", "/emostream.d.ts", "Accept-Encoding: "+accepted).header.Get("Content-Encoding") == "gzip"; got != want {
			t.Errorf("Accept-Encoding %q: compressed %v, want %v", accepted, got, want)
		}
	}
}

func TestMethods(t *testing.T) {
	h := handler()
	for _, path := range []string{"/", "/overlay", "/overlay/setup", "/emostream.js"} {
		res := ask(h, "POST", path)
		if body := res.body; res.status != 405 || res.header.Get("Allow") != "GET" || !strings.Contains(body, `"method_not_allowed"`) {
			t.Errorf("POST %s: %d %v %s", path, res.status, res.header, body)
		}
	}
}

// The headers keep out whatever does not stand in the files.
func TestHeaders(t *testing.T) {
	for path, want := range map[string]struct{ frame, framed string }{
		"/":              {"", "'none'"},
		"/overlay":       {"", "'self'"},
		"/overlay/setup": {"'self'", "'none'"},
		"/emostream.js":  {"", "'none'"},
	} {
		res := ask(handler(), "GET", path)
		csp := directives(res.header.Get("Content-Security-Policy"))
		for name, value := range map[string]string{
			"default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:", "connect-src": "'self' https: http:",
			"base-uri": "'none'", "form-action": "'none'", "frame-ancestors": want.framed, "frame-src": want.frame,
		} {
			if csp[name] != value {
				t.Errorf("%s: %s is %q, want %q", path, name, csp[name], value)
			}
		}
		for name, value := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"} {
			if got := res.header.Get(name); got != value {
				t.Errorf("%s: %s is %q, want %q", path, name, got, value)
			}
		}
		if res.header.Get("Permissions-Policy") == "" {
			t.Errorf("%s: no Permissions-Policy", path)
		}
	}
	for path, want := range map[string]string{"/": "https://a.example http://b.example:8080", "/overlay": "'self' https://a.example http://b.example:8080"} {
		res := ask(handler("https://a.example", "http://b.example:8080"), "GET", path)
		if got := directives(res.header.Get("Content-Security-Policy"))["frame-ancestors"]; got != want {
			t.Errorf("%s: frame-ancestors %q, want %q", path, got, want)
		}
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.TLS = &tls.ConnectionState{}
	w := httptest.NewRecorder()
	handler().ServeHTTP(w, r)
	if got := directives(w.Header().Get("Content-Security-Policy"))["connect-src"]; got != "'self' https:" {
		t.Errorf("over HTTPS: connect-src %q", got)
	}
}

func directives(csp string) map[string]string {
	all := map[string]string{}
	for d := range strings.SplitSeq(csp, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(d), " ")
		all[name] = value
	}
	return all
}

// The module can be imported by pages of all origins; the pages themselves are for nobody
// to read.
func TestImport(t *testing.T) {
	h := handler()
	for path, want := range map[string]string{"/emostream.js": "*", "/emostream.d.ts": "*", "/": "", "/overlay": "", "/overlay/setup": ""} {
		if got := ask(h, "GET", path, "Origin: https://a.example").header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("%s: allowed to %q, want %q", path, got, want)
		}
	}
}

// What the policy forbids does not stand in the pages: it would not work.
func TestNothingInline(t *testing.T) {
	inline := regexp.MustCompile(`(?i)<style|<script(?:\s+(?:type="module"|defer|async))*\s*>|\sstyle\s*=|\son[a-z]+\s*=|javascript:|(?:src|href)\s*=\s*["']?(?:https?:)?//`)
	for _, name := range fileNames(t) {
		if path.Ext(name) != ".html" {
			continue
		}
		content, err := os.ReadFile("static/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if found := inline.Find(content); found != nil {
			t.Errorf("%s has %q", name, found)
		}
	}
}

// The pages are as light as they are meant to be, as transferred, with all that they load.
func TestSize(t *testing.T) {
	h := handler()
	size := func(name string) (bytes int64) {
		res := ask(h, "GET", pathOf(name), "Accept-Encoding: gzip")
		if res.status != 200 {
			t.Errorf("%s: answered %d", name, res.status)
		}
		return res.length
	}
	if got := size("emostream.js"); got > 8<<10 {
		t.Errorf("emostream.js has %d bytes, want at most 8 KiB", got)
	}
	for _, first := range []string{"index.html", "overlay.html", "setup.html"} {
		var sum int64
		loaded := loads(t, first)
		for _, name := range loaded {
			sum += size(name)
		}
		t.Logf("%s loads %d bytes: %v", first, sum, loaded)
		if sum > 60<<10 {
			t.Errorf("%s loads %d bytes, want at most 60 KiB: %v", first, sum, loaded)
		}
	}
}

// loadedBy matches what makes a browser load a file: references of HTML, and imports of
// modules that come at once.
var loadedBy = regexp.MustCompile(`(?:\s(?:src|href)\s*=\s*|\bfrom\s*|\bimport\s*|@import\s*|url\()["']?(?:\.{0,2}/)?([\w.-]+\.(?:js|css|svg|ico|png))["')\s>]`)

// loads returns the files that a browser loads with one.
func loads(t *testing.T, first string) []string {
	t.Helper()
	all := []string{first}
	for i := 0; i < len(all); i++ {
		content, err := os.ReadFile("static/" + all[i])
		if err != nil {
			t.Fatalf("%s is loaded: %v", all[i], err)
		}
		for _, m := range loadedBy.FindAllSubmatch(content, -1) {
			if name := string(m[1]); !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}
