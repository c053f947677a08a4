package httpserve_test

import (
	"net/http"
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
