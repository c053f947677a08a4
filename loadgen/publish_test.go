package loadgen_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

// serve starts a service that calls handle for the n-th post, counted from 1.
func serve(t *testing.T, handle func(n int64, w http.ResponseWriter, r *http.Request)) string {
	t.Helper()
	srv := httptest.NewServer(counting(handle))
	t.Cleanup(srv.Close)
	return srv.URL
}

// counting calls handle for the n-th post, counted from 1.
func counting(handle func(n int64, w http.ResponseWriter, r *http.Request)) http.Handler {
	var n atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		handle(n.Add(1), w, r)
	})
}

func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

// outcome is what became of the requests of a run.
type outcome struct {
	Sent, Accepted, Rejected, InDoubt int64
	Errors                            map[string]int64
}

// The report counts the requests by what became of them, whatever the server answers.
func TestRunCountsAnswers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		handle func(n int64, w http.ResponseWriter, r *http.Request)
		want   outcome
	}{
		"all is well": {func(int64, http.ResponseWriter, *http.Request) {}, outcome{200, 200, 0, 0, map[string]int64{}}},
		"a connection for each": {func(_ int64, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
		}, outcome{200, 200, 0, 0, map[string]int64{}}},
		"a tenth is refused": {func(n int64, w http.ResponseWriter, _ *http.Request) {
			if n%10 == 0 {
				w.WriteHeader(http.StatusTooManyRequests)
			}
		}, outcome{200, 180, 20, 0, map[string]int64{"429": 20}}},
		"a tenth fails": {func(n int64, w http.ResponseWriter, _ *http.Request) {
			if n%10 == 0 {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}, outcome{200, 180, 0, 20, map[string]int64{"500": 20}}},
		"a tenth is seen elsewhere": {func(n int64, w http.ResponseWriter, _ *http.Request) {
			if n%10 == 0 {
				w.WriteHeader(http.StatusSeeOther)
			}
		}, outcome{200, 180, 0, 20, map[string]int64{"303": 20}}},
		"a tenth is hung up on": {func(n int64, w http.ResponseWriter, _ *http.Request) {
			if n%10 == 0 {
				hangUp(w)
			}
		}, outcome{200, 180, 0, 20, map[string]int64{"closed": 20}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := loadgen.Run(t.Context(), loadgen.Config{
				Publish: &loadgen.Publish{PostURL: serve(t, tt.handle)}, Rate: 400, Duration: 500 * time.Millisecond, Connections: 4, Timeout: longTimeout, Drain: longTimeout,
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, outcome{r.Sent, r.Accepted, r.Rejected, r.InDoubt, r.Errors}); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
			if r.Counted != nil || r.Lost != nil || r.Latency[report.Overhead] != nil {
				t.Error("nobody listened, and yet there is a balance")
			}
		})
	}
}

// Where events come and none holds a marker, it is not the target that has lost them.
func TestEventsWithoutMarkers(t *testing.T) {
	t.Parallel()
	for match, want := range map[string]string{"marker": "100 events came, and none held a marker: see --match", `\w{13}x\d+z`: "", `(emo\w+)"`: ""} {
		for _, streams := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s on %d", match, streams), func(t *testing.T) {
				t.Parallel()
				var hubs []http.Handler
				for range streams {
					hubs = append(hubs, &hub{news: make(chan struct{})})
				}
				cfg := startNodes(t, hubs...).config(streams)
				cfg.Publish.Match, cfg.Publish.Body = match, `{"marker":"{{marker}}"}`
				r, err := loadgen.Run(t.Context(), cfg)
				if err != nil {
					t.Fatal(err)
				}
				says := strings.Replace(want, "100", fmt.Sprint(streams*100), 1)
				if r.UnbalancedBecause != says || !strings.Contains(strings.Join(r.Notes, "\n"), says) {
					t.Errorf("the books are not whole because %q, notes %q, want %q", r.UnbalancedBecause, r.Notes, says)
				}
				if known := want == ""; (r.Lost != nil) != known || (r.Counted != nil) != known || streams > 1 && (r.Streams[1].Lost != nil) != known {
					t.Errorf("lost %v, counted %v, streams %v", r.Lost, r.Counted, r.Streams)
				}
				check(t, r, "lost==0 doubled==0 gaps==0", want == "")
			})
		}
	}
}

// A stall changes no due time: all requests are sent, and those that were due during
// the stall have waited.
func TestRunThroughAStall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var begun sync.Once
		end := make(chan struct{})
		r := runInMemory(t.Context(), t, serving(t, counting(func(int64, http.ResponseWriter, *http.Request) {
			begun.Do(func() { time.AfterFunc(500*time.Millisecond, func() { close(end) }) })
			<-end
		})), loadgen.Config{Rate: 1000, Duration: time.Second, Connections: 2})
		ack := r.Latency[report.Ack]
		if r.Sent != 1000 || r.Accepted != 1000 || ack.Count != 1000 {
			t.Errorf("sent %d, accepted %d, answered %d, want 1000", r.Sent, r.Accepted, ack.Count)
		}
		// Half of the requests were due during the stall, and waited for a quarter of a
		// second on average.
		if ack.Max < 490 || ack.Mean < 120 {
			t.Errorf("the stall does not show: %+v", ack)
		}
		if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, "all 2 connections busy") {
			t.Errorf("notes: %s", notes)
		}
	})
}

func TestRunInAClosedLoop(t *testing.T) {
	url := serve(t, func(int64, http.ResponseWriter, *http.Request) { <-time.After(10 * time.Millisecond) })
	r, err := loadgen.Run(t.Context(), loadgen.Config{Publish: &loadgen.Publish{PostURL: url}, Duration: 500 * time.Millisecond, Connections: 3})
	if err != nil {
		t.Fatal(err)
	}
	if r.Sent == 0 || r.Sent > 3*51 || r.Accepted != r.Sent || !strings.Contains(strings.Join(r.Notes, "\n"), "closed loop") {
		t.Errorf("sent %d, accepted %d: %v", r.Sent, r.Accepted, r.Notes)
	}
}

// hub gives out what is posted to it, except for its faults.
type hub struct {
	mu         sync.Mutex
	frames     []string
	news       chan struct{}
	drop, copy int // each n-th event is dropped or sent twice
	posts      int
	injected   [2]int64
	bodies     []string
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/pub" {
		b, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.posts++
		h.bodies = append(h.bodies, r.Header.Get("Content-Type")+" "+string(b))
		frame := fmt.Sprintf("event: x\r\ndata: got %s\r\n\r\n", b)
		switch {
		case h.drop > 0 && h.posts%h.drop == 0:
			h.injected[0]++
			return
		case h.copy > 0 && h.posts%h.copy == 0:
			h.injected[1]++
			frame += frame
		}
		h.frames = append(h.frames, frame)
		close(h.news)
		h.news = make(chan struct{})
		return
	}
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	for next := 0; ; {
		_ = http.NewResponseController(w).Flush()
		h.mu.Lock()
		frames, news := h.frames[next:], h.news
		next = len(h.frames)
		h.mu.Unlock()
		for _, f := range frames {
			_, _ = io.WriteString(w, f)
		}
		if len(frames) > 0 {
			continue
		}
		select {
		case <-news:
		case <-r.Context().Done():
			return
		}
	}
}

// With another service, each event is followed from its post until it comes out of the
// stream.
func TestRunFollowsMarkers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		hub   *hub
		body  string
		match string
	}{
		"nothing is wrong":     {hub: &hub{}},
		"some are lost":        {hub: &hub{drop: 20}},
		"some come twice":      {hub: &hub{copy: 30}},
		"a body and a pattern": {hub: &hub{drop: 50}, body: "m={{marker}}&t={{time}}&n={{seq}}", match: `m=(\w+)&`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := tt.hub
			h.news = make(chan struct{})
			srv := httptest.NewServer(h)
			defer srv.Close()
			r, err := loadgen.Run(t.Context(), loadgen.Config{
				Publish: &loadgen.Publish{PostURL: srv.URL + "/pub", StreamURLs: []string{srv.URL + "/sub?x=y"}, Body: tt.body, ContentType: "text/x", Match: tt.match},
				Rate:    400, Duration: 500 * time.Millisecond, Connections: 4, Listeners: 3, BalanceTimeout: 2 * time.Second, Timeout: longTimeout, Drain: longTimeout,
			})
			if err != nil {
				t.Fatal(err)
			}
			want := balance{Sent: 200, Accepted: 200, Counted: 200 - h.injected[0], Lost: h.injected[0], Doubled: h.injected[1]}
			if diff := cmp.Diff(want, balanceOf(t, r)); diff != "" {
				t.Errorf("balance (-want +got):\n%s", diff)
			}
			if e2e := r.Latency[report.EndToEnd]; e2e.Count != 3*want.Counted {
				t.Errorf("%d latencies, want one for each listener and marker", e2e.Count)
			}
			if tt.body != "" && !strings.HasPrefix(h.bodies[0], "text/x m=emo") {
				t.Errorf("posted %q", h.bodies[0])
			}
		})
	}
}

// A server of the Python system tells less than a main server, and that is no error.
// Nor is it an error if its streams, including the header, begin only with the first
// event.
func TestRunAgainstThePythonSystem(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]bool{"its streams begin at once": false, "its streams begin with an event": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mux := http.NewServeMux()
			srv := httptest.NewServer(mux)
			defer srv.Close()
			tapped := make(chan struct{})
			tap := sync.OnceFunc(func() { close(tapped) })
			mux.HandleFunc("/register", func(w http.ResponseWriter, _ *http.Request) {
				_, _ = fmt.Fprintf(w, `{"server_url":"%s/sub1","server_name":"sub1","user_id":"u","message":"m"}`, srv.URL)
			})
			mux.HandleFunc("/send_emoji", func(w http.ResponseWriter, _ *http.Request) {
				tap()
				_, _ = io.WriteString(w, `{"status": "Message queued"}`)
			})
			mux.HandleFunc("/sub1", func(w http.ResponseWriter, r *http.Request) {
				if late {
					select {
					case <-tapped:
					case <-r.Context().Done():
						return
					}
				}
				w.Header().Set("Content-Type", "text/event-stream")
				_, _ = io.WriteString(w, "data: \"🔥\"\n\ndata: \"🔥\"\n\n")
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			})
			r, err := loadgen.Run(t.Context(), loadgen.Config{
				Server: srv.URL, Rate: 100, Duration: time.Second, Connections: 2, Listeners: 2, Timeout: longTimeout, Drain: longTimeout,
			})
			if err != nil {
				t.Fatal(err)
			}
			if r.Accepted != 100 || r.Listeners.Events != 4 || r.Latency[report.FirstEvent].Count != 2 {
				t.Errorf("accepted %d, listeners %+v", r.Accepted, r.Listeners)
			}
			notes := strings.Join(r.Notes, "\n")
			if r.Lost != nil || r.Latency[report.Overhead] != nil || !strings.Contains(notes, "Python system") || strings.Contains(notes, "no stream had begun") != late {
				t.Errorf("lost %v, notes %v", r.Lost, r.Notes)
			}
		})
	}
}

// The search ends at the greatest rate that a server carries.
func TestFindMax(t *testing.T) {
	url := serve(t, func(int64, http.ResponseWriter, *http.Request) {})
	limit := 300.0
	var steps atomic.Int64
	r, err := loadgen.FindMax(t.Context(), loadgen.Config{
		Publish: &loadgen.Publish{PostURL: url}, Rate: 100, Duration: 200 * time.Millisecond, Connections: 4,
		Observe: func(s loadgen.Snapshot) { steps.Store(int64(s.Step)) },
	}, loadgen.Search{Precision: 0.2, Evaluate: func(r report.Report) []report.ThresholdResult {
		return []report.ThresholdResult{{Condition: "x", Met: r.Options.Rate <= limit}}
	}})
	if err != nil {
		t.Fatal(err)
	}
	var tried []float64
	for _, s := range r.Search {
		tried = append(tried, s.Rate)
		if s.Met && s.Rate > limit || s.Rate > limit && s.Missed[0] != "x" {
			t.Errorf("step %+v", s)
		}
	}
	if len(tried) < 3 || tried[0] != 100 || r.Options.Rate > limit || steps.Load() == 0 {
		t.Errorf("tried %v, found %v, seen in %d steps", tried, r.Options.Rate, steps.Load())
	}
	if _, err := loadgen.FindMax(t.Context(), loadgen.Config{Publish: &loadgen.Publish{PostURL: url}}, loadgen.Search{}); err == nil {
		t.Error("a search in the closed loop")
	}
}
