package httpserve_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/httpserve"
)

// The name emo.example is that of the installation, https://app.example is invited, and
// a proxy asks as localhost:9100.
func TestSiteCheck(t *testing.T) {
	invited, err := httpserve.ParseOrigins([]string{"https://app.example"})
	if err != nil {
		t.Fatal(err)
	}
	check := httpserve.SiteCheck{Names: []string{"emo.example", "192.0.2.7"}, Invited: invited, Advice: "ask by a program"}
	h := check.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
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
		"no page at all":                    {map[string]string{"Referer": "about:blank"}, false},
		"our page, and Host is rewritten":   {map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "https://other.example"}, true},
		"our name":                          {map[string]string{"Origin": "http://emo.example"}, true},
		"our name, on a port":               {map[string]string{"Referer": "http://EMO.example:8080/page"}, true},
		"our address":                       {map[string]string{"Origin": "http://192.0.2.7:8080"}, true},
		"a name below ours":                 {map[string]string{"Origin": "http://evil.emo.example"}, false},
		"a name that begins with ours":      {map[string]string{"Origin": "http://emo.example.evil"}, false},
		"our name as a user":                {map[string]string{"Referer": "http://emo.example@evil.example/"}, false},
		"our name, says another browser":    {map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "http://emo.example"}, false},
		"an origin that is invited":         {map[string]string{"Origin": "https://app.example"}, true},
		"one that the browser calls other":  {map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://app.example"}, true},
		"one that is like an invited one":   {map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://app.example.evil"}, false},
		"an invited one without TLS":        {map[string]string{"Origin": "http://app.example"}, false},
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
			if !tt.served && !strings.Contains(w.Body.String(), check.Advice) {
				t.Errorf("the refusal does not say what to do: %s", w.Body)
			}
		})
	}
}
