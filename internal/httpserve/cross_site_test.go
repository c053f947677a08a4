package httpserve_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/emostream/emostream/internal/httpserve"
)

func TestSameSite(t *testing.T) {
	h := httpserve.SameSite(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	for name, tt := range map[string]struct {
		header map[string]string
		served bool
	}{
		"a program":                         {nil, true},
		"an address that was typed":         {map[string]string{"Sec-Fetch-Site": "none"}, true},
		"a page of this server":             {map[string]string{"Sec-Fetch-Site": "same-origin", "Referer": "http://localhost:9100/debug/pprof/"}, true},
		"a page of another port":            {map[string]string{"Sec-Fetch-Site": "same-site"}, false},
		"a page of another site":            {map[string]string{"Sec-Fetch-Site": "cross-site"}, false},
		"a word of a later browser":         {map[string]string{"Sec-Fetch-Site": "other"}, false},
		"the origin of this server":         {map[string]string{"Origin": "http://localhost:9100"}, true},
		"another origin":                    {map[string]string{"Origin": "https://evil.example"}, false},
		"the origin of another port":        {map[string]string{"Origin": "http://localhost:9101"}, false},
		"an origin that is hidden":          {map[string]string{"Origin": "null"}, false},
		"a link on a page of this server":   {map[string]string{"Referer": "http://localhost:9100/debug/pprof/"}, true},
		"a picture on another page":         {map[string]string{"Referer": "http://evil.example/page"}, false},
		"another page that names this host": {map[string]string{"Referer": "http://evil.example/http://localhost:9100"}, false},
		"a page that cannot be parsed":      {map[string]string{"Referer": "http://evil.example/%zz"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "http://localhost:9100/debug/pprof/profile", nil)
			for k, v := range tt.header {
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if served := w.Code == http.StatusNoContent; served != tt.served || !served && w.Code != http.StatusForbidden {
				t.Errorf("answered %d, want it to be served: %v", w.Code, tt.served)
			}
		})
	}
}
