package loadgen_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

// A run that is interrupted before its first request says how far it came.
func TestRunInterruptedBeforeItSends(t *testing.T) {
	t.Parallel()
	never := func(r *http.Request) { <-r.Context().Done() }
	start := func(t *testing.T, interrupt func()) string {
		t.Helper()
		mux := http.NewServeMux()
		srv := httptest.NewServer(mux)
		t.Cleanup(srv.Close)
		mux.HandleFunc("/silent/register", func(_ http.ResponseWriter, r *http.Request) {
			interrupt()
			never(r)
		})
		mux.HandleFunc("/register", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"server_url":"%[1]s/s","server_name":"s","user_id":"u","message":"m","stream_url":"%[1]s/stream"}`, srv.URL)
		})
		mux.HandleFunc("/stream", func(_ http.ResponseWriter, r *http.Request) {
			interrupt()
			never(r)
		})
		mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
		return srv.URL
	}
	soon := func(s loadgen.Snapshot, interrupt func()) {
		if s.Phase == loadgen.Waiting {
			interrupt()
		}
	}
	for name, tt := range map[string]struct {
		cfg  func(url string) loadgen.Config
		says string
	}{
		"while it registers":      {func(url string) loadgen.Config { return loadgen.Config{Server: url + "/silent"} }, "/silent to register was asked for: nothing was sent"},
		"while listeners connect": {func(url string) loadgen.Config { return loadgen.Config{Server: url, Listeners: 3} }, "while 0 of 3 listeners were connected: nothing was sent"},
		"while a stream is awaited": {func(url string) loadgen.Config {
			return loadgen.Config{Publish: &loadgen.Publish{PostURL: url, StreamURLs: []string{url + "/stream"}}}
		}, "while 0 of 1 listeners were connected: nothing was sent"},
		"while it waits for its start": {func(url string) loadgen.Config {
			return loadgen.Config{Publish: &loadgen.Publish{PostURL: url}, StartAt: time.Now().Add(time.Hour)}
		}, "while it waited for its start at "},
	} {
		for kind, run := range map[string]func(context.Context, loadgen.Config) (report.Report, error){
			"": loadgen.Run,
			", in a search": func(ctx context.Context, cfg loadgen.Config) (report.Report, error) {
				return loadgen.FindMax(ctx, cfg, loadgen.Search{})
			},
		} {
			t.Run(name+kind, func(t *testing.T) {
				t.Parallel()
				ctx, interrupt := context.WithCancel(t.Context())
				defer interrupt()
				cfg := tt.cfg(start(t, interrupt))
				cfg.Rate, cfg.Timeout = 100, longTimeout
				cfg.Observe = func(s loadgen.Snapshot) { soon(s, interrupt) }
				r, err := run(ctx, cfg)
				if err != nil {
					t.Fatal(err)
				}
				if notes := strings.Join(r.Notes, "\n"); !r.Interrupted || r.Sent+r.Unsent+r.Requests > 0 || !strings.Contains(notes, tt.says) || strings.Contains(notes, "held") {
					t.Errorf("interrupted: %t, sent %d, not sent %d: %s", r.Interrupted, r.Sent, r.Unsent, notes)
				}
			})
		}
	}
}
