package loadgen_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/emostream/emostream/loadgen"
)

// A listener leaves a stream that stays silent while something is sent, and no other.
func TestSilentStreams(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		shown  bool // what is posted comes out of the stream
		stages string
		leaves bool
	}{
		"nothing is sent for a while": {true, "200ms:50,1500ms:0,200ms:50", false},
		"nothing comes out":           {false, "1500ms:50", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &hub{news: make(chan struct{})}
			target := http.Handler(h)
			if !tt.shown {
				target = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/pub" {
						_, _ = io.Copy(io.Discard, r.Body)
						return
					}
					h.ServeHTTP(w, r)
				})
			}
			srv := httptest.NewServer(target)
			defer srv.Close()
			r, err := loadgen.Run(t.Context(), loadgen.Config{
				Publish: &loadgen.Publish{PostURL: srv.URL + "/pub", StreamURLs: []string{srv.URL + "/sub"}}, Stages: tt.stages,
				Silence: 400 * time.Millisecond, BalanceTimeout: time.Millisecond,
			})
			if err != nil {
				t.Fatal(err)
			}
			if left := r.Listeners.Reconnects > 0; left != tt.leaves || left != (r.Errors["stream timeout"] > 0) {
				t.Errorf("the listener came back %d times: %v", r.Listeners.Reconnects, r.Errors)
			}
		})
	}
}
