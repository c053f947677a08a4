package ingest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/server/ingest"
)

// sending counts the answers that are being sent.
type sending struct {
	mu            sync.Mutex
	now, greatest int
}

func (s *sending) add(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now += n
	s.greatest = max(s.greatest, s.now)
}

// slowWriter is an answer that takes some time to be sent.
type slowWriter struct {
	*httptest.ResponseRecorder
	takes time.Duration
	sent  *sending
}

func (w *slowWriter) Write(b []byte) (int, error) {
	w.sent.add(1)
	<-time.After(w.takes)
	w.sent.add(-1)
	return w.ResponseRecorder.Write(b)
}

// A batch comes into the log that has the single reactions of many. An address that has
// many of them is sent its answers in turn; one with few of them and those on this machine
// are sent theirs at once. An answer that cannot be sent holds the others up for a moment.
func TestAnswersOfOneAddress(t *testing.T) {
	atOnce := ingest.NewTurns().AtOnce()
	for name, tt := range map[string]struct {
		address  string
		requests int
		stuck    int // of them, whose client does not read
		greatest int // how many answers are sent at once
		within   time.Duration
	}{
		"many":              {"192.0.2.1:1", 40, 0, atOnce, 40 * 100 * time.Microsecond},
		"few":               {"192.0.2.1:1", 16, 0, 16, 100 * time.Microsecond},
		"of this machine":   {"127.0.0.1:1", 40, 0, 40, 100 * time.Microsecond},
		"that nobody reads": {"192.0.2.1:1", 40, atOnce, 40, 21 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				written := make(chan struct{})
				log := &memory{t: t, answer: func(context.Context, int) error { <-written; return nil }}
				h := routes(log, ingest.Config{})
				var sent sending
				var all, stuck sync.WaitGroup
				for i := range tt.requests {
					group, takes := &all, 100*time.Microsecond
					if i < tt.stuck {
						group, takes = &stuck, time.Minute
					}
					group.Go(func() {
						r := httptest.NewRequest(http.MethodPost, "/send_emoji", strings.NewReader(fire))
						r.RemoteAddr = tt.address
						r.Header.Set("Content-Type", asJSON)
						w := &slowWriter{httptest.NewRecorder(), takes, &sent}
						h.ServeHTTP(w, r)
						if w.Code != http.StatusOK {
							t.Errorf("answered %d %s", w.Code, w.Body)
						}
						if length := w.Header().Get("Content-Length"); length != "" && length != strconv.Itoa(w.Body.Len()) {
							t.Errorf("an answer of %d bytes says that it has %s", w.Body.Len(), length)
						}
					})
					synctest.Wait() // in this order
				}
				begun := time.Now()
				close(written)
				all.Wait()
				took := time.Since(begun)
				stuck.Wait()
				if took > tt.within || sent.greatest > tt.greatest || tt.stuck == 0 && sent.greatest < tt.greatest {
					t.Errorf("all were answered after %v, %d at once; want %v, %d", took, sent.greatest, tt.within, tt.greatest)
				}
			})
		})
	}
}
