package loadgen_test

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

func TestPartsOfALoad(t *testing.T) {
	for name, tt := range map[string]struct {
		schedule loadgen.Schedule
		warmUp   time.Duration
		byStage  bool
		want     []int64
	}{
		"no parts":                    {loadgen.ConstantRate(10, time.Second), 0, false, []int64{0, 10}},
		"a warm-up":                   {loadgen.ConstantRate(10, time.Second), 300 * ms, false, []int64{3, 7}},
		"a warm-up of bursts":         {loadgen.Bursts(400*ms, 5, time.Second), 400 * ms, false, []int64{5, 10}},
		"stages":                      {staged("1s:10,1s:0,1s:20"), 0, true, []int64{0, 10, 0, 20}},
		"a warm-up that ends a stage": {staged("1s:10,1s:20"), time.Second, true, []int64{10, 0, 20}},
		"a warm-up in a stage":        {staged("1s:10,1s:20"), 1500 * ms, true, []int64{20, 0, 10}},
		"a warm-up in a ramp":         {staged("2s:0..20,1s:5"), time.Second, true, []int64{5, 15, 5}},
	} {
		if got, _ := loadgen.PartCounts(tt.schedule, tt.warmUp, tt.byStage); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// Each event belongs to the one part in whose time it is due.
func TestPartsAreThoseOfTheSchedule(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 100 {
		stages := randomStages(rng)
		s := loadgen.Staged(stages)
		warmUp := time.Duration(rng.Int64N(int64(s.Length())))
		if counts, bySum := loadgen.PartCounts(s, warmUp, true); !slices.Equal(counts, bySum) {
			t.Fatalf("%v, warm-up %v: %v, and %v by what is due until the ends", stages, warmUp, counts, bySum)
		}
	}
}

// figures are what a part of a load has counted.
type figures struct{ Sent, Accepted, Rejected, InDoubt, Unsent, Requests, Errors, Acks int64 }

func figuresOf(p report.Part) figures {
	f := figures{p.Sent, p.Accepted, p.Rejected, p.InDoubt, p.Unsent, p.Requests, p.Errors, 0}
	if l := p.Latency[report.Ack]; l != nil {
		f.Acks = l.Count
	}
	return f
}

// serveBySeq starts a service that answers request n of a run with status(n).
func serveBySeq(t *testing.T, status func(n int) int) *loadgen.Publish {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		n, _ := strconv.Atoi(string(b))
		w.WriteHeader(status(n))
	}))
	t.Cleanup(srv.Close)
	return &loadgen.Publish{PostURL: srv.URL, Body: "{{seq}}"}
}

// A request belongs to the stage in which it was due, or to the warm-up. What belongs to
// the warm-up is in the counts, and in no latency, rate or condition.
func TestFiguresByStage(t *testing.T) {
	t.Parallel()
	const warm, ramp, last = 17, 73, 300 // a ramp makes 0.1*(100+400/3/2) in its first 100 ms, and 0.3*300 in all
	to := serveBySeq(t, func(n int) int {
		switch {
		case n < warm:
			return http.StatusTooManyRequests
		case n < warm+ramp:
			return http.StatusOK
		}
		return http.StatusInternalServerError // which leaves in doubt what became of it
	})
	r, err := loadgen.Run(t.Context(), loadgen.Config{
		Publish: to, Stages: "300ms:100..500,100ms:0,300ms:1000", WarmUp: 100 * ms, Connections: 8, Timeout: longTimeout, Drain: longTimeout,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []figures{
		{Sent: warm, Rejected: warm, Requests: warm, Errors: warm, Acks: warm},
		{Sent: ramp, Accepted: ramp, Requests: ramp, Acks: ramp},
		{},
		{Sent: last, InDoubt: last, Requests: last, Errors: last, Acks: last},
	}
	if len(r.Stages) != 3 || r.WarmUp == nil {
		t.Fatalf("stages %+v, warm-up %+v", r.Stages, r.WarmUp)
	}
	for i, p := range []report.Part{*r.WarmUp, r.Stages[0].Part, r.Stages[1].Part, r.Stages[2].Part} {
		if got := figuresOf(p); got != want[i] {
			t.Errorf("part %d: %+v, want %+v", i, got, want[i])
		}
	}
	if s := r.Stages[0]; s.ForMS != 300 || s.Rate != 100 || s.EndRate != 500 || s.DurationMS < 200 {
		t.Errorf("the ramp: %+v", s)
	}
	whole := figures{Sent: warm + ramp + last, Accepted: ramp, Rejected: warm, InDoubt: last, Requests: warm + ramp + last}
	if got := (figures{r.Sent, r.Accepted, r.Rejected, r.InDoubt, r.Unsent, r.Requests, 0, 0}); got != whole {
		t.Errorf("in all %+v, want %+v", got, whole)
	}
	measured := figures{Sent: ramp + last, Accepted: ramp, InDoubt: last, Requests: ramp + last, Errors: last, Acks: ramp + last}
	if got := figuresOf(r.Load()); got != measured {
		t.Errorf("measured: %+v, want %+v", got, measured)
	}
	for _, name := range []string{report.Ack, report.SendDelay} {
		if l := r.Latency[name]; l.Count != ramp+last {
			t.Errorf("%s: %d, want %d", name, l.Count, ramp+last)
		}
	}
	check(t, r, "rejected==0 in_doubt==300 stage1.errors==0 stage3.accepted==0 stage3.error_rate>=100% stage1.ack_p99<1000s", true)
	check(t, r, "stage2.sent==0 stage2.errors==0 stage2.ack_p99<1000s stage3.ack_p99<1000s stage4.sent>=0", false)
}

// What was due in a stage is either sent or not sent, also when a run is cut short.
func TestUnsentByStage(t *testing.T) {
	t.Parallel()
	for name, stages := range map[string]string{"given up": "300ms:100,300ms:200..800", "interrupted": "300ms:100,300ms:200..800,10m:1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			url := serve(t, func(n int64, _ http.ResponseWriter, r *http.Request) {
				if n < 20 {
					return
				}
				if name == "interrupted" && n == 20 {
					time.AfterFunc(500*ms, cancel)
				}
				<-r.Context().Done()
			})
			r, err := loadgen.Run(ctx, loadgen.Config{
				Publish: &loadgen.Publish{PostURL: url}, Stages: stages, WarmUp: 100 * ms, Connections: 2, Timeout: longTimeout, Drain: 100 * ms,
			})
			if err != nil {
				t.Fatal(err)
			}
			sent, unsent := r.WarmUp.Sent, r.WarmUp.Unsent
			for _, s := range r.Stages {
				sent, unsent = sent+s.Sent, unsent+s.Unsent
			}
			if due := sent + unsent; name == "given up" && due != 30+150 {
				t.Errorf("%d were due, want 180", due)
			}
			if sent != r.Sent || unsent != r.Unsent || r.Unsent == 0 {
				t.Errorf("by parts %d sent and %d not, in all %d and %d", sent, unsent, r.Sent, r.Unsent)
			}
		})
	}
}

// With a warm-up the books are whole: listeners are shown all. Latencies of what they are
// shown leave the warm-up out.
func TestWarmUpIsInTheBooks(t *testing.T) {
	t.Parallel()
	t.Run("reactions", func(t *testing.T) {
		t.Parallel()
		s := startFaulty(t, faults{drop: 40})
		r, err := loadgen.Run(t.Context(), loadgen.Config{
			Server: s.url, Rate: 400, Batch: 4, Duration: time.Second, WarmUp: 300 * ms, Connections: 4, Listeners: 3, Timeout: longTimeout, Drain: longTimeout, BalanceTimeout: 2 * time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := balanceOf(t, r), (balance{Sent: 400, Accepted: 400, Counted: 390, Lost: 10}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		if got, want := figuresOf(*r.WarmUp), (figures{Sent: 120, Accepted: 120, Requests: 30, Acks: 30}); got != want {
			t.Errorf("warm-up %+v, want %+v", got, want)
		}
		if l := r.Latency[report.WindowWait]; l.Count != 280 {
			t.Errorf("%d reactions waited for their windows, want 280", l.Count)
		}
	})
	t.Run("markers", func(t *testing.T) {
		t.Parallel()
		srv := httptest.NewServer(&hub{news: make(chan struct{})})
		defer srv.Close()
		r, err := loadgen.Run(t.Context(), loadgen.Config{
			Publish: &loadgen.Publish{PostURL: srv.URL + "/pub", StreamURLs: []string{srv.URL + "/sub"}}, Rate: 400, Duration: 500 * ms, WarmUp: 200 * ms,
			Connections: 4, Listeners: 3, Timeout: longTimeout, Drain: longTimeout, BalanceTimeout: 2 * time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := balanceOf(t, r), (balance{Sent: 200, Accepted: 200, Counted: 200}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		if l := r.Latency[report.EndToEnd]; l.Count != 3*120 {
			t.Errorf("%d latencies, want %d", l.Count, 3*120)
		}
		if l := r.Latency[report.Spread]; l == nil || l.Count > 120 {
			t.Errorf("the spread is %+v, want that of 120 events", l)
		}
	})
}

// In the closed loop, too, the warm-up is what was due in its time.
func TestWarmUpOfAClosedLoop(t *testing.T) {
	t.Parallel()
	url := serve(t, func(int64, http.ResponseWriter, *http.Request) {})
	r, err := loadgen.Run(t.Context(), loadgen.Config{Publish: &loadgen.Publish{PostURL: url}, Duration: 400 * ms, WarmUp: 200 * ms, Connections: 2, Timeout: longTimeout})
	if err != nil {
		t.Fatal(err)
	}
	load := r.Load()
	if r.WarmUp == nil || r.WarmUp.Sent == 0 || load.Sent == 0 || r.WarmUp.Unsent != 0 {
		t.Fatalf("warm-up %+v, measured %+v", r.WarmUp, load)
	}
	if w := r.WarmUp.Latency[report.Ack].Count; r.Latency[report.Ack].Count != load.Sent || w != r.WarmUp.Sent {
		t.Errorf("%d latencies of %d, and %d of %d in the warm-up", r.Latency[report.Ack].Count, load.Sent, w, r.WarmUp.Sent)
	}
}

// The overhead leaves out windows that end with the warm-up, since they hold nothing else.
func TestOverheadWithoutTheWarmUp(t *testing.T) {
	at := time.Unix(1_000_000, 0)
	if n := loadgen.OverheadsFrom(at, at.Add(-time.Second), at, at.Add(time.Millisecond), at.Add(time.Hour)); n != 2 {
		t.Errorf("%d overheads, want 2", n)
	}
}
