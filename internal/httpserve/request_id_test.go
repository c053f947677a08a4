package httpserve_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/httpserve"
)

func TestRequestID(t *testing.T) {
	served := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	for name, tt := range map[string]struct {
		sent []string
		kept bool
	}{
		"a UUID":          {[]string{"0b7f4e7a-4a5c-4d38-9c3f-1d0b8d6f2a11"}, true},
		"any visible":     {[]string{`!"#$%&'()*+,-./09:;<=>?@AZ[\]^_` + "`az{|}~"}, true},
		"one byte":        {[]string{"x"}, true},
		"the longest":     {[]string{strings.Repeat("x", 128)}, true},
		"one too long":    {[]string{strings.Repeat("x", 129)}, false},
		"none":            {nil, false},
		"an empty one":    {[]string{""}, false},
		"with a space":    {[]string{"a b"}, false},
		"not ASCII":       {[]string{"é"}, false},
		"control":         {[]string{"a\x1b[31m"}, false},
		"delete":          {[]string{"\x7f"}, false},
		"two, of a proxy": {[]string{"first", "second"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			ask := func(h http.Handler) (said []string, inBody string) {
				r := httptest.NewRequest(http.MethodGet, "/", nil)
				r.Header["X-Request-Id"] = tt.sent
				if tt.sent == nil {
					r.Header = http.Header{}
				}
				w := httptest.NewRecorder()
				httpserve.EchoRequestID(h).ServeHTTP(w, r)
				var p struct {
					ID string `json:"request_id"`
				}
				_ = json.Unmarshal(w.Body.Bytes(), &p) // an accepted request has no body with an id
				return w.Header()["X-Request-Id"], p.ID
			}
			said, inBody := ask(httpserve.Refusalf(418, "teapot", "no"))
			again, _ := ask(httpserve.Refusalf(418, "teapot", "no"))
			if len(said) != 1 || said[0] != inBody || inBody == "" {
				t.Errorf("refused as %q in the header and %q in the body", said, inBody)
			}
			if tt.kept && inBody != tt.sent[0] || !tt.kept && (len(inBody) != 13 || again[0] == said[0]) {
				t.Errorf("sent %q, refused as %q and %q", tt.sent, said, again)
			}
			said, _ = ask(served)
			if kept := len(said) == 1 && len(tt.sent) > 0 && said[0] == tt.sent[0]; kept != tt.kept || len(tt.sent) == 0 && said != nil {
				t.Errorf("sent %q, served as %q", tt.sent, said)
			}
		})
	}
}

func BenchmarkRequestID(b *testing.B) {
	for name, sent := range map[string][]string{"sent": {"0b7f4e7a"}, "made": nil} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header["X-Request-Id"] = sent
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				delete(w.Header(), "X-Request-Id")
				httpserve.RequestID(w, r)
			}
		})
	}
}
