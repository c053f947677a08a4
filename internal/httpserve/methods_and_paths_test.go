package httpserve_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/httpserve"
)

func TestMethods(t *testing.T) {
	served := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("served " + r.Method))
	})
	for name, tt := range map[string]struct {
		methods []string
		method  string
		served  bool
		allow   string
	}{
		"the one":          {[]string{"POST"}, "POST", true, ""},
		"one of two":       {[]string{"GET", "POST"}, "POST", true, ""},
		"HEAD with GET":    {[]string{"GET"}, "HEAD", true, ""},
		"HEAD without GET": {[]string{"POST"}, "HEAD", false, "POST"},
		"another":          {[]string{"GET", "POST"}, "DELETE", false, "GET, POST"},
		"in other letters": {[]string{"GET"}, "get", false, "GET"},
		"a very long one":  {[]string{"GET"}, strings.Repeat("X", 5000), false, "GET"},
	} {
		t.Run(name, func(t *testing.T) {
			got := answerOf(httpserve.Methods(served, tt.methods...), tt.method, "/"+strings.Repeat("p", 5000))
			if tt.served {
				if got.Code != http.StatusOK || got.Body.String() != "served "+tt.method {
					t.Errorf("answered %d %s", got.Code, got.Body)
				}
				return
			}
			if got.Code != http.StatusMethodNotAllowed || got.Header().Get("Allow") != tt.allow || !strings.Contains(got.Body.String(), "use "+tt.allow+`","code":"method_not_allowed","request_id":"r1"}`) {
				t.Errorf("answered %d, Allow %q, %s", got.Code, got.Header().Get("Allow"), got.Body)
			}
			if got.Body.Len() > 300 {
				t.Errorf("answered with %d bytes", got.Body.Len())
			}
		})
	}
}

func TestNotFound(t *testing.T) {
	got := answerOf(httpserve.NotFound("/a", "/b"), "GET", "/"+strings.Repeat("%1b", 3000))
	if body := got.Body.String(); got.Code != http.StatusNotFound || !strings.Contains(body, `there are /a, /b","code":"not_found","request_id":"r1"}`) || !strings.Contains(body, `\\x1b`) || len(body) > 500 {
		t.Errorf("answered %d %s", got.Code, body)
	}
}

func TestPlainPaths(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/reactions", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s?%s %s %v", r.Method, r.URL.Path, r.URL.RawQuery, body, err)
	})
	mux.HandleFunc("/tree/", func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprint(w, "tree ", r.URL.Path) })
	mux.Handle("/", httpserve.NotFound("/v1/reactions"))
	h := httpserve.PlainPaths(mux)
	const served = "POST /v1/reactions?a=b body <nil>"
	for target, want := range map[string]string{
		"/v1/reactions?a=b":            served,
		"//v1/reactions?a=b":           served,
		"/v1//reactions?a=b":           served,
		"///v1///reactions?a=b":        served,
		"/./v1/./reactions?a=b":        `nothing is served at \"/./v1/./reactions\": write the path without dots as segments and without escapes","code":"not_found","request_id":"`,
		"/x/../v1/reactions?a=b":       `nothing is served at \"/x/../v1/reactions\": write`,
		"/../../v1/reactions?a=b":      "nothing",
		"/x/..//v1/reactions":          "nothing",
		"/v1/reactions/.":              "nothing",
		"/tree/..":                     "nothing",
		"/x/../v1%2Freactions":         "nothing",
		"/%2fv1/reactions?a=b":         `nothing is served at \"/%2fv1/reactions\": write`,
		"/v1%2Freactions?a=b":          "nothing",
		"/v1/%72eactions?a=b":          "nothing",
		"/%2e/v1/reactions?a=b":        "nothing",
		"/x/%2e%2e/v1/reactions":       "nothing",
		"/tree/%2e%2e/v1/reactions":    "nothing",
		"/tree/.a..b":                  "tree /tree/.a..b",
		"http://emo//v1/reactions?a=b": served,
		"/tree/":                       "tree /tree/",
		"//tree//":                     "tree /tree/",
		"/tree/a":                      "tree /tree/a",
		"/tree//a/":                    "tree /tree/a/",
		"/v1/reactions/":               `nothing is served at \"/v1/reactions/\": leave out the slash at the end"`,
		"//v1//reactions//":            `nothing is served at \"/v1/reactions/\": leave out the slash at the end"`,
		"/v1/":                         `nothing is served at \"/v1/\": there are /v1/reactions`,
		"/v1/reactions/1":              `nothing is served at \"/v1/reactions/1\": there are /v1/reactions`,
		"//nothing/":                   `nothing is served at \"/nothing/\"`,
		"/v1%5Creactions":              `nothing is served at \"/v1\\\\reactions\"`,
		"/%E2%9A%BD%EF%B8%8F":          `nothing is served at \"/⚽U+FE0F\"`,
		"/":                            `nothing is served at \"/\"`,
		"http://emo":                   `nothing is served at \"/\"`,
		"/../../etc/passwd":            `nothing is served at \"/../../etc/passwd\"`,
	} {
		r := httptest.NewRequest(http.MethodPost, target, strings.NewReader("body"))
		before := *r.URL
		got := httptest.NewRecorder()
		httpserve.EchoRequestID(h).ServeHTTP(got, r)
		status := http.StatusOK
		if strings.HasPrefix(want, "nothing") {
			status = http.StatusNotFound
		}
		if got.Code != status || !strings.Contains(got.Body.String(), want) {
			t.Errorf("%s: answered %d %s, want %d %s", target, got.Code, got.Body, status, want)
		}
		if *r.URL != before {
			t.Errorf("%s: the caller's request has become %v", target, r.URL)
		}
	}
}

func TestPlainPathsOfPlainPathsDoNotAllocate(t *testing.T) {
	h := httpserve.PlainPaths(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r := httptest.NewRequest(http.MethodPost, "/v1/reactions", nil)
	if n := testing.AllocsPerRun(100, func() { h.ServeHTTP(nil, r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
