package sse_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/sse"
)

// A listener whose server does not take it back calls Locate at once, unless the server
// asked it to wait.
func TestClientMovesAtOnce(t *testing.T) {
	gone := func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) }
	refusing := func(after string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", after)
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}
	const s = time.Second
	for name, tt := range map[string]struct {
		old     func(http.ResponseWriter) // the old server's answer when the listener comes back
		located []string                  // one after the other
		want    []string                  // requests
		waits   []time.Duration           // before the second request and each later one; may be prolonged by a half
	}{
		"it is gone":               {gone, []string{"/a", "/b"}, []string{"/a", "/a", "/b"}, []time.Duration{s, 0}},
		"it refuses":               {refusing("0"), []string{"/a", "/b"}, []string{"/a", "/a", "/b"}, []time.Duration{s, 0}},
		"it asks to wait":          {refusing("7"), []string{"/a", "/b"}, []string{"/a", "/a", "/b"}, []time.Duration{s, 7 * s}},
		"there is no other":        {gone, []string{"/a", "/a", "/b"}, []string{"/a", "/a", "/b"}, []time.Duration{s, s}},
		"the next one refuses too": {gone, []string{"/a", "/c", "/b"}, []string{"/a", "/a", "/c", "/b"}, []time.Duration{s, 0, s}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var requests []string
				var at []time.Time
				located := tt.located
				client := &sse.Client{
					HTTP: serve(t, func(w http.ResponseWriter, r *http.Request) {
						requests, at = append(requests, r.URL.Path), append(at, time.Now())
						switch {
						case r.URL.Path == "/b":
							stream(w, "data: done\n\n")
						case len(requests) == 1:
							stream(w, "data: a\n\n")
						default:
							tt.old(w)
						}
					}),
					Locate: func(context.Context, error) (string, error) {
						path := located[0]
						located = located[1:]
						return "http://emo" + path, nil
					},
					OnEvent: func(e sse.Event) error {
						if string(e.Data) == "done" {
							return errEnough
						}
						return nil
					},
				}
				if err := client.Run(t.Context()); !errors.Is(err, errEnough) {
					t.Fatalf("Run = %v, want OnEvent's error", err)
				}
				if diff := cmp.Diff(tt.want, requests); diff != "" {
					t.Fatalf("requests (-want +got):\n%s", diff)
				}
				for i, want := range tt.waits {
					within(t, at[i+1].Sub(at[i]), want)
				}
			})
		})
	}
}

// The wait grows with refusals up to its bound. It is never less than the server asked
// for, and prolonging adds at most a half.
func TestBackoff(t *testing.T) {
	const s = time.Second
	refused := func(after time.Duration) error { return &sse.RefusedError{Status: 503, RetryAfter: after} }
	for name, tt := range map[string]struct {
		err      error
		retry    time.Duration
		refusals int
		want     time.Duration
	}{
		"a stream that ended":          {errEnough, 2 * s, 0, 2 * s},
		"a first refusal":              {refused(0), 2 * s, 1, 2 * s},
		"a third refusal":              {refused(0), 2 * s, 3, 8 * s},
		"the bound":                    {refused(0), 2 * s, 9, 30 * s},
		"very many refusals":           {refused(0), 2 * s, 1_000_000, 30 * s},
		"a retry above the bound":      {refused(0), time.Hour, 50, time.Hour},
		"a Retry-After":                {refused(90 * s), 2 * s, 1, 90 * s},
		"a Retry-After that is less":   {refused(s), 2 * s, 3, 8 * s},
		"a Retry-After of a year":      {refused(8760 * time.Hour), 2 * s, 1, time.Hour},
		"a refusal within other words": {errors.Join(errEnough, refused(90*s)), 2 * s, 1, 90 * s},
	} {
		none := sse.Backoff(tt.err, tt.retry, 30*s, tt.refusals, func(int64) int64 { return 0 })
		most := sse.Backoff(tt.err, tt.retry, 30*s, tt.refusals, func(n int64) int64 { return n - 1 })
		if none != tt.want || most != tt.want+tt.want/2 {
			t.Errorf("%s: from %v to %v, want %v and half as much again", name, none, most, tt.want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"": 0, "5": 5 * time.Second, "0": 0, "-5": 0, "1.5": 0, "Wed, 21 Oct 2026 07:28:00 GMT": 0, "86400": time.Hour, "99999999999999999999": 0,
	} {
		if got := sse.RetryAfter(header); got != want {
			t.Errorf("Retry-After %q is %v, want %v", header, got, want)
		}
	}
}
