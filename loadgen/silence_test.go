package loadgen_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/loadgen"
)

// A listener leaves a stream that stays silent while something is sent, and no other.
func TestSilentStreams(t *testing.T) {
	t.Parallel()
	const silence = 400 * time.Millisecond
	for name, tt := range map[string]struct {
		shown  bool          // what is posted comes out of the stream
		after  time.Duration // how long after
		stages string
		leaves bool
	}{
		"nothing is sent for a while":  {true, 0, "200ms:50,1500ms:0,200ms:50", false},
		"what was sent comes out late": {true, silence - 10*time.Millisecond, "200ms:50,1500ms:0,600ms:50", false},
		"nothing comes out":            {false, 0, "1500ms:50", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := &hub{news: make(chan struct{})}
				target := func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path != "/pub" {
						h.ServeHTTP(w, r)
						return
					}
					b, _ := io.ReadAll(r.Body)
					if tt.shown {
						time.AfterFunc(tt.after, func() {
							h.ServeHTTP(nil, httptest.NewRequest(http.MethodPost, "/pub", bytes.NewReader(b)))
						})
					}
				}
				r := runInMemory(t.Context(), t, serving(t, http.HandlerFunc(target)), loadgen.Config{
					Publish: &loadgen.Publish{PostURL: "http://127.0.0.1/pub", StreamURLs: []string{"http://127.0.0.1/sub"}}, Stages: tt.stages,
					Silence: silence, BalanceTimeout: time.Millisecond,
				})
				if left := r.Listeners.Reconnects > 0; left != tt.leaves || left != (r.Errors["stream timeout"] > 0) {
					t.Errorf("the listener came back %d times: %v", r.Listeners.Reconnects, r.Errors)
				}
			})
		})
	}
}
