package httpserve_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/httpserve"
)

func TestParseOrigins(t *testing.T) {
	for in, ok := range map[string]bool{
		"*":                           true,
		"https://example.com":         true,
		"https://example.com:8443":    true,
		"http://localhost:8080":       true,
		"http://[::1]:8080":           true,
		"https://xn--bcher-kva.ch":    true,
		"":                            false,
		"null":                        false,
		"example.com":                 false,
		"//example.com":               false,
		"https://":                    false,
		"https://example.com/":        false,
		"https://example.com/app":     false,
		"https://example.com?x":       false,
		"https://example.com:443":     false, // browsers leave this port out
		"http://example.com:80":       false,
		"https://Example.com":         false, // browsers write hosts in lower case
		"https://bücher.ch":           false,
		"https://*.example.com":       false,
		"https://ann@example.com":     false,
		"ftp://example.com":           false,
		"https://a.com,https://b.com": false,
		" https://example.com":        false,
		"file:///x":                   false,
	} {
		_, err := httpserve.ParseOrigins([]string{in})
		if (err == nil) != ok {
			t.Errorf("ParseOrigins(%q) = %v, want %v", in, err, ok)
		}
		if err != nil && !strings.Contains(err.Error(), "like https://example.com") {
			t.Errorf("ParseOrigins(%q): %v does not say what is allowed", in, err)
		}
	}
	if _, err := httpserve.ParseOrigins([]string{"null"}); err == nil || !strings.Contains(err.Error(), "from a file") || !strings.Contains(err.Error(), "give *") {
		t.Errorf("null: %v", err)
	}
	if _, err := httpserve.ParseOrigins([]string{"https://example.com", "oops"}); err == nil {
		t.Error("the second of two was not looked at")
	}
}

// Pages of the given origins get all headers that browsers need. Other pages get none.
func TestCORS(t *testing.T) {
	one := []string{"https://example.com", "http://localhost:8080"}
	const headers = "authorization,cache-control,content-type,traceparent,x-requested-with"
	preflight := http.Header{"Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {headers}}
	both := []string{"*", "https://example.com"}
	for name, tt := range map[string]struct {
		origins []string
		method  string
		origin  string
		header  http.Header
		status  int    // of the handler's own answer: 200, or 405 for OPTIONS
		allowed string // Access-Control-Allow-Origin; with credentials, unless it is *
	}{
		"off, from a page":            {nil, "POST", "https://example.com", nil, 200, ""},
		"off, a preflight":            {nil, "OPTIONS", "https://example.com", preflight, 405, ""},
		"one, from its page":          {one, "POST", "https://example.com", nil, 200, "https://example.com"},
		"one, from the other's":       {one, "GET", "http://localhost:8080", nil, 200, "http://localhost:8080"},
		"one, its preflight":          {one, "OPTIONS", "https://example.com", preflight, 204, "https://example.com"},
		"one, from a stranger's":      {one, "POST", "https://evil.example", nil, 200, ""},
		"one, a stranger's preflight": {one, "OPTIONS", "https://evil.example", preflight, 405, ""},
		"one, on another port":        {one, "OPTIONS", "https://example.com:8443", preflight, 405, ""},
		"one, without TLS":            {one, "OPTIONS", "http://example.com", preflight, 405, ""},
		"one, a longer name":          {one, "OPTIONS", "https://example.com.evil.example", preflight, 405, ""},
		"one, from no page":           {one, "POST", "", nil, 200, ""},
		"one, from a sandbox":         {one, "OPTIONS", "null", preflight, 405, ""},
		"one, plain OPTIONS":          {one, "OPTIONS", "https://example.com", nil, 405, "https://example.com"},
		"all, from a page":            {[]string{"*"}, "POST", "https://evil.example", nil, 200, "*"},
		"all, a preflight":            {[]string{"*"}, "OPTIONS", "https://evil.example", preflight, 204, "*"},
		"all, from no page":           {[]string{"*"}, "POST", "", nil, 200, ""},
		"all, from a file":            {[]string{"*"}, "POST", "null", nil, 200, "*"},
		"all, a file's preflight":     {[]string{"*"}, "OPTIONS", "null", preflight, 204, "*"},
		"all and one, from its page":  {both, "POST", "https://example.com", nil, 200, "https://example.com"},
		"all and one, from another's": {both, "POST", "https://evil.example", nil, 200, "*"},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := httpserve.ParseOrigins(tt.origins)
			if err != nil {
				t.Fatal(err)
			}
			h := httpserve.CORS(httpserve.Methods(func(http.ResponseWriter, *http.Request) {}, "GET", "POST"), o)
			r := httptest.NewRequest(tt.method, "/", nil)
			maps.Copy(r.Header, tt.header)
			if tt.origin != "" {
				r.Header.Set("Origin", tt.origin)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			got := w.Header()
			word := "; pages of \\\"" + tt.origin + "\\\" are not invited: let the operator invite the origin with --cors-origin\""
			if says := strings.Contains(w.Body.String(), word); says != (w.Code == http.StatusMethodNotAllowed && tt.header != nil) {
				t.Errorf("answered %d %s", w.Code, w.Body)
			}
			if w.Code != tt.status || got.Get("Access-Control-Allow-Origin") != tt.allowed {
				t.Errorf("answered %d %v, want %d, allowed %q", w.Code, got, tt.status, tt.allowed)
			}
			if vary := got.Get("Vary"); (vary == "Origin") != (tt.origins != nil) {
				t.Errorf("Vary %q", vary)
			}
			if w.Code == http.StatusNoContent && (got.Get("Access-Control-Allow-Methods") != "GET, POST" || got.Get("Access-Control-Max-Age") != "600" ||
				got.Get("Access-Control-Allow-Headers") != headers || got.Values("Vary")[1] != "Access-Control-Request-Headers") {
				t.Errorf("the preflight was answered %v", got)
			}
			if exposed := got.Get("Access-Control-Expose-Headers"); (exposed == "Allow, Retry-After, X-Request-Id") != (tt.allowed != "") {
				t.Errorf("exposes %q", exposed)
			}
			if credentials := got.Get("Access-Control-Allow-Credentials"); (credentials == "true") != strings.HasPrefix(tt.allowed, "http") {
				t.Errorf("credentials: %q", credentials)
			}
		})
	}
}

// A preflight is allowed the headers that it asks for, and is not told of any if it asks
// for none.
func TestPreflightHeaders(t *testing.T) {
	o, err := httpserve.ParseOrigins([]string{"https://example.com"})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ asked, allowed []string }{
		"none":         {nil, nil},
		"one":          {[]string{"x-anything"}, []string{"x-anything"}},
		"in two lines": {[]string{"x-a,x-b", "x-c"}, []string{"x-a,x-b, x-c"}},
		"very long":    {[]string{strings.Repeat("x", 2048)}, []string{strings.Repeat("x", 2048)}},
		"too long":     {[]string{strings.Repeat("x", 2049)}, nil},
	} {
		r := httptest.NewRequest(http.MethodOptions, "/", nil)
		r.Header = http.Header{"Origin": {"https://example.com"}, "Access-Control-Request-Method": {"GET"}, "Access-Control-Request-Headers": tt.asked}
		w := httptest.NewRecorder()
		httpserve.CORS(http.NotFoundHandler(), o).ServeHTTP(w, r)
		if got := w.Header().Values("Access-Control-Allow-Headers"); w.Code != http.StatusNoContent || !slices.Equal(got, tt.allowed) {
			t.Errorf("%s: answered %d, allowed %q", name, w.Code, got)
		}
	}
}
