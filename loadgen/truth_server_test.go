package loadgen_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

// shows says how a stream shows event n to its listener, which is numbered from 0: how
// often, and how long after it was accepted.
type shows func(n int64, listener int) (times int, after time.Duration)

// trueServer is a server of which is known what it does: it is in the time of a test.
type trueServer struct {
	does       deeds
	shows      shows         // nil: there is no stream
	connecting time.Duration // how long a stream takes to begin

	ended     context.Context //nolint:containedctx // of what is still to be shown; it ends with the run
	began     sync.Once
	start     time.Time // when the first request came
	mu        sync.Mutex
	listening []chan string // what each listener is to be shown
	showing   sync.WaitGroup
}

// run runs a load test in the time of a test.
func (s *trueServer) run(ctx context.Context, t *testing.T, cfg loadgen.Config) report.Report {
	t.Helper()
	return s.load(ctx, t, cfg, loadgen.Run)
}

// search searches for the greatest rate in the time of a test, within 500 ms of latency.
func (s *trueServer) search(ctx context.Context, t *testing.T, cfg loadgen.Config) report.Report {
	t.Helper()
	fast, err := report.ParseThreshold("ack_p99<500ms")
	if err != nil {
		t.Fatal(err)
	}
	return s.load(ctx, t, cfg, func(ctx context.Context, cfg loadgen.Config) (report.Report, error) {
		return loadgen.FindMax(ctx, cfg, loadgen.Search{Evaluate: func(r report.Report) []report.ThresholdResult {
			return report.Evaluate([]report.Threshold{fast}, r)
		}})
	})
}

func (s *trueServer) load(ctx context.Context, t *testing.T, cfg loadgen.Config, run func(context.Context, loadgen.Config) (report.Report, error)) report.Report {
	t.Helper()
	network := &memoryNetwork{}
	ended, end := context.WithCancel(ctx)
	s.ended = ended
	srv := &http.Server{Handler: s}
	listener := network.listen("127.0.0.1:80")
	go func() { _ = srv.Serve(listener) }()
	cfg.Publish = &loadgen.Publish{PostURL: "http://127.0.0.1/pub", Body: "{{seq}} {{marker}}"}
	if s.shows != nil {
		cfg.Publish.StreamURLs = []string{"http://127.0.0.1/sub"}
	}
	r, err := run(loadgen.WithDialer(ctx, network.dial), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
	end()
	s.showing.Wait()
	return r
}

func (s *trueServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/sub" {
		s.stream(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	digits, marker, _ := strings.Cut(string(body), " ")
	n, malformed := strconv.ParseInt(digits, 10, 64)
	if err != nil || malformed != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.began.Do(func() { s.start = time.Now() })
	d := s.does(n, time.Since(s.start))
	if s.shows != nil && d.status == http.StatusOK {
		s.mu.Lock()
		for i, events := range s.listening {
			times, after := s.shows(n, i)
			for range times {
				s.showing.Go(func() {
					if sleep.For(s.ended, after) == nil {
						select {
						case events <- marker:
						case <-s.ended.Done():
						}
					}
				})
			}
		}
		s.mu.Unlock()
	}
	if d.never {
		<-r.Context().Done()
		return
	}
	if sleep.For(r.Context(), d.after) != nil {
		return
	}
	if d.status == 0 {
		hangUp(w)
		return
	}
	if d.closes {
		w.Header().Set("Connection", "close")
	}
	w.WriteHeader(d.status)
}

func (s *trueServer) stream(w http.ResponseWriter, r *http.Request) {
	if sleep.For(r.Context(), s.connecting) != nil {
		return
	}
	events := make(chan string)
	s.mu.Lock()
	s.listening = append(s.listening, events)
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	for {
		_ = http.NewResponseController(w).Flush()
		select {
		case marker := <-events:
			_, _ = fmt.Fprintf(w, "data: %s\n\n", marker)
		case <-r.Context().Done():
			return
		}
	}
}
