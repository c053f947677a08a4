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

// A listener whose server does not take it back asks at once where else to go, unless
// the server asked it to wait.
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
		old     func(http.ResponseWriter) // when the listener comes back
		located []string                  // one after the other
		want    []string                  // requests
		waits   []time.Duration           // before the second and all later ones; up to a half more
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
					Locate: func(context.Context) (string, error) {
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
