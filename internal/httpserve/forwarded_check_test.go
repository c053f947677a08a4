package httpserve_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
)

// An X-Forwarded-For of a peer that is not named is logged once, and /healthz tells of
// it for ten minutes.
func TestForwardedCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proxies, err := httpserve.ParseProxies([]string{"10.0.0.1"})
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		check := httpserve.NewForwardedCheck(proxies, slog.New(slog.NewTextHandler(&log, nil)))
		served := 0
		h := check.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ }))
		request := func(peer, forwarded string) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = peer
			if forwarded != "" {
				r.Header.Set("X-Forwarded-For", forwarded)
			}
			h.ServeHTTP(httptest.NewRecorder(), r)
		}
		health := func(want string) {
			t.Helper()
			w := httptest.NewRecorder()
			check.Health().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/healthz", nil))
			if got := strings.TrimSpace(w.Body.String()); w.Code != http.StatusOK || got != want {
				t.Errorf("/healthz is %d %s, want %s", w.Code, got, want)
			}
		}
		request("10.0.0.1:7", "192.0.2.1") // the named proxy
		request("10.0.0.2:7", "")
		request("@", "192.0.2.1") // no address
		if log.Len() > 0 {
			t.Errorf("logged %s", log.String())
		}
		health(`{"status":"ok"}`)
		for range 3 {
			request("10.0.0.2:7", "192.0.2.1")
			request("127.0.0.1:7", "192.0.2.1")
		}
		if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), "peer=10.0.0.2") {
			t.Errorf("logged %s", log.String())
		}
		<-time.After(9 * time.Minute)
		health(`{"status":"ok","x_forwarded_for":"ignored"}`)
		<-time.After(time.Minute)
		health(`{"status":"ok"}`)
		if served != 9 {
			t.Errorf("%d requests were served, want 9", served)
		}
	})
}
