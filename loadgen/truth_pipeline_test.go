package loadgen_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

// countingServer counts reactions in windows, and shows each of them when it has ended, as
// Emostream does, but by the clock of a test.
type countingServer struct {
	length  time.Duration                 // of a window
	answers time.Duration                 // how long an answer takes
	delay   func(end int64) time.Duration // from the end of a window until it is shown

	mu        sync.Mutex
	accepted  []time.Time
	counts    map[int64]int64 // by window end, Unix ms
	listening []chan []byte
	showing   sync.WaitGroup
}

func (s *countingServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/register":
		_, _ = fmt.Fprint(w, `{"server_url":"http://127.0.0.1/s","server_name":"s","user_id":"u","message":"m","stream_url":"http://127.0.0.1/stream"}`)
	case "/stream":
		s.stream(w, r)
	case "/send_emoji":
		var reaction wire.Reaction
		if json.NewDecoder(r.Body).Decode(&reaction) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		at := s.take(reaction)
		<-time.After(s.answers)
		_, _ = fmt.Fprintf(w, `{"status":"Message queued","accepted_at":"%s"}`, wire.AppendTime(nil, at.UnixMilli()))
	}
}

// take counts a reaction now.
func (s *countingServer) take(r wire.Reaction) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, length := time.Now(), s.length.Milliseconds()
	s.accepted = append(s.accepted, now)
	end := now.UnixMilli() - now.UnixMilli()%length + length
	s.counts[end]++
	if s.counts[end] == 1 {
		s.showing.Go(func() {
			<-time.After(time.Until(time.UnixMilli(end).Add(s.delay(end))))
			s.show(r, end)
		})
	}
	return now
}

func (s *countingServer) show(r wire.Reaction, end int64) {
	s.mu.Lock()
	swarm := wire.NewSwarm(r.Channel, wire.Window{Start: end - s.length.Milliseconds(), End: end}, []wire.EmojiCount{{Emoji: r.Emoji, Count: s.counts[end]}}, wire.DefaultTop)
	listening := s.listening
	s.mu.Unlock()
	data, _ := json.Marshal(swarm) // it cannot fail
	for _, events := range listening {
		events <- sse.AppendEvent(nil, sse.Event{ID: fmt.Sprint(end), Name: "swarm", Data: data})
	}
}

func (s *countingServer) stream(w http.ResponseWriter, r *http.Request) {
	events := make(chan []byte, 100)
	s.mu.Lock()
	s.listening = append(s.listening, events)
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	for {
		_ = http.NewResponseController(w).Flush()
		select {
		case event := <-events:
			_, _ = w.Write(event)
		case <-r.Context().Done():
			return
		}
	}
}

// Where reactions are counted in windows, the wait for a window, what the pipeline adds,
// and the time from end to end are what arithmetic says.
func TestFiguresOfWindowsAreTheTruth(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for name, tt := range map[string]struct {
		length, answers time.Duration
		delay           func(end int64) time.Duration
	}{
		"constant":         {2 * time.Second, 3 * ms, func(int64) time.Duration { return 120 * ms }},
		"short windows":    {200 * ms, ms, func(int64) time.Duration { return 50 * ms }},
		"every third late": {time.Second, 10 * ms, func(end int64) time.Duration { return 100*ms + 700*ms*time.Duration(end/1000%3/2) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &countingServer{length: tt.length, answers: tt.answers, delay: tt.delay, counts: map[int64]int64{}}
				network := &memoryNetwork{}
				srv, listener := &http.Server{Handler: s}, network.listen("127.0.0.1:80")
				go func() { _ = srv.Serve(listener) }()
				const listeners = 2
				r, err := loadgen.Run(loadgen.WithDialer(t.Context(), network.dial), loadgen.Config{
					Server: "http://127.0.0.1", Rate: 200, Duration: 9 * time.Second, Connections: 30, Kinds: 1, Listeners: listeners, Timeout: 5 * time.Second, Drain: time.Minute,
				})
				if err != nil {
					t.Fatal(err)
				}
				s.showing.Wait()
				if err := srv.Close(); err != nil {
					t.Error(err)
				}
				if b := balanceOf(t, r); b != (balance{Sent: 1800, Accepted: 1800, Counted: 1800}) {
					t.Errorf("balance %+v", b)
				}
				var wait, overhead, e2e []time.Duration
				for _, at := range s.accepted { // which is when it was due
					end := at.UnixMilli() - at.UnixMilli()%tt.length.Milliseconds() + tt.length.Milliseconds()
					wait = append(wait, time.UnixMilli(end).Sub(at.Truncate(ms)))
					for range listeners {
						e2e = append(e2e, time.UnixMilli(end).Add(tt.delay(end)).Sub(at))
					}
				}
				for end := range s.counts {
					for range listeners {
						overhead = append(overhead, tt.delay(end))
					}
				}
				checkLatency(t, "window_wait", r.Latency[report.WindowWait], wait)
				checkLatency(t, "overhead", r.Latency[report.Overhead], overhead)
				checkLatency(t, "e2e", r.Latency[report.EndToEnd], e2e)
				checkLatency(t, "ack", r.Latency[report.Ack], slices.Repeat([]time.Duration{tt.answers}, 1800))
			})
		})
	}
}
