package loadgen_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

// nodes is a service of several servers: what is posted to the first comes out of all.
type nodes []*httptest.Server

func startNodes(t *testing.T, streams ...http.Handler) nodes {
	t.Helper()
	var all nodes
	for i, h := range streams {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/pub" || i > 0 {
				h.ServeHTTP(w, r)
				return
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			for _, to := range streams {
				post := httptest.NewRequest(http.MethodPost, "/pub", strings.NewReader(string(body)))
				to.ServeHTTP(httptest.NewRecorder(), post)
			}
		}))
		t.Cleanup(srv.Close)
		all = append(all, srv)
	}
	return all
}

func (n nodes) config(listeners int) loadgen.Config {
	p := &loadgen.Publish{PostURL: n[0].URL + "/pub"}
	for _, srv := range n {
		p.StreamURLs = append(p.StreamURLs, srv.URL+"/sub")
	}
	return loadgen.Config{
		Publish: p, Rate: 200, Duration: 500 * time.Millisecond, Connections: 4, Listeners: listeners,
		BalanceTimeout: 2 * time.Second, Timeout: longTimeout, Drain: longTimeout,
	}
}

// Each event is expected on every stream, and the report tells the streams apart.
func TestStreams(t *testing.T) {
	t.Parallel()
	type shown struct {
		Connected                               int
		Counted, Lost, Doubled, Gaps, Latencies int64
	}
	hubOf := func(drop, twice int) *hub { return &hub{drop: drop, copy: twice, news: make(chan struct{})} }
	for name, tt := range map[string]struct {
		streams   []http.Handler
		listeners int
		want      balance
		by        []shown
	}{
		"all is well":                  {[]http.Handler{hubOf(0, 0), hubOf(0, 0)}, 5, balance{Sent: 100, Accepted: 100, Counted: 100}, []shown{{3, 100, 0, 0, 0, 300}, {2, 100, 0, 0, 0, 200}}},
		"fewer listeners than streams": {[]http.Handler{hubOf(0, 0), hubOf(0, 0)}, 1, balance{Sent: 100, Accepted: 100, Counted: 100}, []shown{{1, 100, 0, 0, 0, 100}, {1, 100, 0, 0, 0, 100}}},
		"one loses some": {
			[]http.Handler{hubOf(0, 0), hubOf(20, 0), hubOf(0, 0)},
			6,
			balance{Sent: 100, Accepted: 100, Counted: 95, Lost: 5, Gaps: 10},
			[]shown{{2, 100, 0, 0, 0, 200}, {2, 95, 5, 0, 10, 190}, {2, 100, 0, 0, 0, 200}},
		},
		"two lose others, and one doubles": {
			[]http.Handler{hubOf(20, 0), hubOf(0, 25)},
			2,
			balance{Sent: 100, Accepted: 100, Counted: 95, Lost: 5, Doubled: 4, Gaps: 5},
			[]shown{{1, 95, 5, 0, 5, 95}, {1, 100, 0, 4, 0, 100}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := loadgen.Run(t.Context(), startNodes(t, tt.streams...).config(tt.listeners))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, balanceOf(t, r)); diff != "" {
				t.Errorf("balance (-want +got):\n%s", diff)
			}
			var by []shown
			all := int64(0)
			for _, s := range r.Streams {
				by = append(by, shown{s.Connected, *s.Counted, *s.Lost, *s.Doubled, *s.Gaps, s.EndToEnd.Count})
				all += s.EndToEnd.Count
			}
			if diff := cmp.Diff(tt.by, by); diff != "" {
				t.Errorf("streams (-want +got):\n%s", diff)
			}
			if n := r.Latency[report.EndToEnd].Count; n != all || r.Options.Streams != len(tt.streams) {
				t.Errorf("%d streams and %d latencies, want %d", r.Options.Streams, n, all)
			}
		})
	}
}

// A stream to which nobody can connect is no proof that anything was lost, nor that nothing
// was.
func TestAStreamThatRefuses(t *testing.T) {
	t.Parallel()
	refusing := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	n := startNodes(t, &hub{news: make(chan struct{})}, refusing)
	r, err := loadgen.Run(t.Context(), n.config(2))
	if err != nil {
		t.Fatal(err)
	}
	if b := balanceOf(t, r); b.Counted != 100 || b.Lost != 0 || r.Listeners.Refused == 0 {
		t.Errorf("%+v, refused %d", b, r.Listeners.Refused)
	}
	want := "no listener was ever connected to " + n[1].URL + "/sub, so that the books are without it"
	if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, want) || !strings.Contains(notes, "403 Forbidden") {
		t.Errorf("notes %q, want %q", notes, want)
	}
	if got, want := r.UnbalancedBecause, "no listener was ever connected to "+n[1].URL+"/sub"; got != want {
		t.Errorf("the books are not whole because %q, want %q", got, want)
	}
	if s := r.Streams[1]; s.Counted != nil || s.Lost != nil || s.Doubled != nil || s.Gaps != nil {
		t.Errorf("of a stream that refuses is known %+v", s)
	}
	check(t, r, "lost==0 doubled==0 lost_at_most==0 doubled_at_most==0 shifted==0 counted>0 gaps==0 behind==0", false)
	check(t, r, "rejected==0 connected==1", true)
	if missed := report.Misses(report.Checks(r, true)); len(missed) != 1 || missed[0].Says != "0 lost, 0 doubled; "+r.UnbalancedBecause {
		t.Errorf("missed %v", missed)
	}
	cfg := n.config(2)
	cfg.Rate = 0.9 // the search tries nothing less
	searched, err := loadgen.FindMax(t.Context(), cfg, loadgen.Search{})
	if err != nil {
		t.Fatal(err)
	}
	if step := searched.Search[0]; step.Met || !strings.Contains(strings.Join(step.Missed, ", "), "balanced books (no listener was ever connected to ") {
		t.Errorf("the first step of a search: %+v", step)
	}
}

// A stream of another service that cannot be reached is not one that emostream up starts.
func TestAStreamThatIsDead(t *testing.T) {
	t.Parallel()
	cfg := startNodes(t, &hub{news: make(chan struct{})}).config(2)
	cfg.Publish.StreamURLs = append(cfg.Publish.StreamURLs, "http://127.0.0.1:1/none")
	r, err := loadgen.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(r.Notes, "\n"); strings.Contains(notes, "emostream up") || !strings.Contains(notes, "http://127.0.0.1:1 cannot be reached (connection refused): is it running?") {
		t.Errorf("notes %q", notes)
	}
	check(t, r, "lost==0", false)
}

// What a stream loses that has listeners is told also beside one that has none.
func TestAStreamThatRefusesBesideOneThatLoses(t *testing.T) {
	t.Parallel()
	n := startNodes(t, &hub{drop: 20, news: make(chan struct{})}, http.NotFoundHandler())
	r, err := loadgen.Run(t.Context(), n.config(2))
	if err != nil {
		t.Fatal(err)
	}
	if b := balanceOf(t, r); b.Lost != 5 || r.UnbalancedBecause == "" {
		t.Errorf("%+v, %q", b, r.UnbalancedBecause)
	}
	check(t, r, "lost==0 lost<10", false)
}

// The listeners of a run arrive evenly while it sends, and miss nothing of what is due
// after that.
func TestArrival(t *testing.T) {
	t.Parallel()
	h := &hub{news: make(chan struct{})}
	cfg := startNodes(t, h).config(11)
	cfg.Duration, cfg.Arrive = 2*time.Second, time.Second
	most := map[bool]int{} // how many listeners there were, by whether all should have arrived
	cfg.Observe = func(s loadgen.Snapshot) {
		if s.Phase == loadgen.Sending {
			late := s.Elapsed > 500*time.Millisecond
			most[late] = max(most[late], s.Listeners)
		}
	}
	r, err := loadgen.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if b := balanceOf(t, r); b.Counted != 400 || b.Lost+b.Gaps > 0 || r.Listeners.Connected != 11 || r.Options.ArriveMS != 1000 {
		t.Errorf("%+v, %+v", b, r.Listeners)
	}
	if most[false] > 6 || most[true] != 11 { // a second lasts for ten listeners beside the first
		t.Errorf("%d listeners in the first half of a second, and %d later", most[false], most[true])
	}
	if n := r.Latency[report.EndToEnd].Count; n < 400+10*200 || n >= 11*400 {
		t.Errorf("%d latencies, though listeners arrived one after the other", n)
	}
}
