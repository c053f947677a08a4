package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/httpserve"
)

// askProfile asks for a profile and returns the answer.
func askProfile(ctx context.Context, h http.Handler, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, method, "http://localhost:9100"+path, nil))
	return w
}

func TestProfilesAreBounded(t *testing.T) {
	h := profiles(httpserve.SiteCheck{})
	for query, want := range map[string]int{
		"goroutine?debug=1":        http.StatusOK,
		"heap?seconds=0":           http.StatusBadRequest,
		"heap?seconds=-1":          http.StatusBadRequest,
		"heap?seconds=30.001":      http.StatusBadRequest,
		"profile?seconds=31":       http.StatusBadRequest,
		"trace?seconds=1e9":        http.StatusBadRequest,
		"trace?seconds=NaN":        http.StatusBadRequest,
		"trace?seconds=+Inf":       http.StatusBadRequest,
		"profile?seconds=soon":     http.StatusBadRequest,
		"profile?x=1&seconds=3600": http.StatusBadRequest,
	} {
		if got := askProfile(t.Context(), h, http.MethodGet, profilesPath+query).Code; got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	if got := askProfile(t.Context(), h, http.MethodPost, profilesPath+"symbol").Code; got != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", got)
	}
	// The longest profile that is served ends with its request.
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if got := askProfile(gone, h, http.MethodGet, profilesPath+"heap?seconds=30").Code; got == http.StatusBadRequest {
		t.Errorf("30 s are refused")
	}
}

func TestOneProfileAtATime(t *testing.T) {
	h := profiles(httpserve.SiteCheck{})
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan struct{})
	go func() {
		defer close(first)
		for ctx.Err() == nil { // it may be refused itself
			askProfile(ctx, h, http.MethodGet, profilesPath+"heap?seconds=30")
		}
	}()
	var refused *httptest.ResponseRecorder
	for refused == nil {
		if w := askProfile(t.Context(), h, http.MethodGet, profilesPath+"cmdline"); w.Code != http.StatusOK {
			refused = w
		}
		runtime.Gosched()
	}
	if refused.Code != http.StatusServiceUnavailable || refused.Header().Get("Retry-After") != "30" || !strings.Contains(refused.Body.String(), "another profile") {
		t.Errorf("a second one is answered %d: %s", refused.Code, refused.Body)
	}
	cancel()
	<-first
	if got := askProfile(t.Context(), h, http.MethodGet, profilesPath+"cmdline").Code; got != http.StatusOK {
		t.Errorf("after it: %d", got)
	}
}

func TestProfilesAreForNoOtherSite(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "http://localhost:9100"+profilesPath+"profile?seconds=30", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	profiles(httpserve.SiteCheck{}).ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("answered %d", w.Code)
	}
}

// The server of metrics serves profiles only with --pprof, and checks the host.
func TestMetricsServer(t *testing.T) {
	for name, tt := range map[string]struct {
		pprof bool
		path  string
		host  string
		want  int
	}{
		"metrics":                  {false, "/metrics", "localhost", http.StatusOK},
		"profiles":                 {true, profilesPath + "cmdline", "127.0.0.1:9100", http.StatusOK},
		"profiles are off":         {false, profilesPath + "cmdline", "localhost", http.StatusNotFound},
		"another name":             {false, "/metrics", "evil.example", http.StatusForbidden},
		"profiles by another name": {true, profilesPath + "cmdline", "evil.example", http.StatusForbidden},
		"a name that is allowed":   {false, "/metrics", "host1:9100", http.StatusOK},
		"two slashes":              {false, "//metrics", "localhost", http.StatusOK},
		"dots":                     {false, "/x/../metrics", "localhost", http.StatusNotFound},
		"an escaped slash":         {false, "/%2fmetrics", "localhost", http.StatusNotFound},
		"profiles, dots":           {true, "/x/.." + profilesPath + "cmdline", "localhost", http.StatusNotFound},
		"profiles, escaped":        {true, "/debug%2Fpprof/cmdline", "localhost", http.StatusNotFound},
		"a slash at the end":       {false, "/metrics/", "localhost", http.StatusNotFound},
		"profiles, two slashes":    {true, "/" + profilesPath + "/cmdline", "localhost", http.StatusOK},
		"the list of profiles":     {true, profilesPath, "localhost", http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			flags := metricsFlags{metricsListen: "0", pprof: tt.pprof, hosts: hostsFlag{list: []string{"host1"}}}
			m, err := flags.newMetricsServer(newRegistry(), nil)
			if err != nil {
				t.Fatal(err)
			}
			ln, err := m.listen(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- m.serve(ctx, ln) }()
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+ln.Addr().String()+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = tt.host
			res, err := http.DefaultTransport.RoundTrip(r) // without following a redirect
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != tt.want {
				t.Errorf("answered %d, want %d", res.StatusCode, tt.want)
			}
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
	if _, err := (&metricsFlags{pprof: true}).newMetricsServer(newRegistry(), nil); err == nil {
		t.Error("--pprof without --metrics-listen is taken")
	}
}

func TestAllowedHosts(t *testing.T) {
	for name, tt := range map[string]struct {
		flag hostsFlag
		all  bool
		want string
	}{
		"none":                 {hostsFlag{}, false, ""},
		"some":                 {hostsFlag{list: []string{"emo.example", "Serve"}}, false, "emo.example serve"},
		"all":                  {hostsFlag{list: []string{"*"}}, true, ""},
		"that of --public-url": {hostsFlag{publicURL: "https://emo.example:8443/sub1"}, false, "emo.example"},
		"an address":           {hostsFlag{publicURL: "http://[2001:db8::1]"}, false, "2001:db8::1"},
	} {
		c, err := tt.flag.check()
		if got := strings.Join(c.Names, " "); err != nil || got != tt.want || c.All != tt.all {
			t.Errorf("%s: %q, all %v, %v", name, got, c.All, err)
		}
	}
	for name, f := range map[string]hostsFlag{
		"a URL":         {list: []string{"http://emo.example"}},
		"a pattern":     {list: []string{"*.emo.example"}},
		"no public URL": {publicURL: "http://[::1"},
		"no host":       {publicURL: "http://"},
	} {
		if _, err := f.check(); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
