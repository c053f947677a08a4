package sse_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/sse"
)

// A value on Renew replaces a connection at once, whatever the client is doing, and the
// stream resumes.
func TestClientRenews(t *testing.T) {
	for name, tt := range map[string]struct {
		first http.HandlerFunc // what the first address answers
		want  []string
	}{
		"live and silent": {func(w http.ResponseWriter, r *http.Request) {
			stream(w, "id: 7\ndata: a\n\n")
			<-r.Context().Done()
		}, []string{"connecting", "live a", "reconnecting", "connecting", "live b"}},
		"waiting": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1000")
			w.WriteHeader(http.StatusServiceUnavailable)
		}, []string{"connecting", "reconnecting", "connecting", "live b"}},
		"waiting for an answer": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, []string{"connecting", "reconnecting", "connecting", "live b"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				resumed := ""
				client := serve(t, func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/a" {
						tt.first(w, r)
						return
					}
					resumed = r.Header.Get("Last-Event-ID")
					stream(w)
					<-r.Context().Done()
				})
				renew, asked := make(chan struct{}), 0
				ctx, cancel := context.WithCancel(t.Context())
				var states []string
				began, connected := time.Now(), time.Duration(0)
				c := &sse.Client{
					HTTP: client, Renew: renew,
					Locate: func(context.Context, error) (string, error) {
						asked++
						return "http://x/" + string(rune('a'+asked-1)), nil
					},
					OnState: func(s sse.State) {
						at := ""
						if s.Phase == sse.Live {
							at = s.URL[len("http://x/"):]
						}
						states = append(states, strings.TrimSpace(fmt.Sprintf("%v %s", s.Phase, at)))
						if at == "b" {
							connected = time.Since(began)
							cancel()
						}
					},
				}
				go func() {
					<-time.After(10 * time.Second)
					renew <- struct{}{}
				}()
				if err := c.Run(ctx); err != nil {
					t.Errorf("Run = %v", err)
				}
				if diff := cmp.Diff(tt.want, states); diff != "" {
					t.Errorf("states (-want +got):\n%s", diff)
				}
				if connected != 10*time.Second {
					t.Errorf("connected anew after %v, asked for it after 10 s", connected)
				}
				if want := map[bool]string{true: "7"}[len(tt.want) == 5]; resumed != want {
					t.Errorf("resumed after %q, want %q", resumed, want)
				}
			})
		})
	}
}
