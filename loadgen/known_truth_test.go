package loadgen_test

import (
	"cmp"
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

// An answer that does not come counts in the latencies, with at least the timeout.
func TestMissingAnswersAreInTheLatencies(t *testing.T) {
	t.Parallel()
	const timeout = time.Second
	never := func(n int64, _ http.ResponseWriter, r *http.Request) {
		if n%10 == 0 {
			<-r.Context().Done()
		}
	}
	for name, handle := range map[string]func(int64, http.ResponseWriter, *http.Request){
		"never answered": never,
		"hung up on": func(n int64, w http.ResponseWriter, _ *http.Request) {
			if n%10 == 0 {
				hangUp(w)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := runInMemory(t.Context(), t, serving(t, counting(handle)), loadgen.Config{Rate: 200, Duration: time.Second, Connections: 64, Timeout: timeout})
				ack, accepted, failed := r.Latency[report.Ack], r.Latency[report.AckAccepted], r.Latency[report.AckFailed]
				if ack == nil || accepted == nil || failed == nil {
					t.Fatalf("latencies: %v", r.Latency)
				}
				if ack.Count != 200 || accepted.Count != 180 || failed.Count != 20 || r.Latency[report.AckRefused] != nil {
					t.Errorf("%d in all, %d accepted, %d without an answer", ack.Count, accepted.Count, failed.Count)
				}
				const resolution = 0.99 // of a histogram
				atLeast := timeout.Seconds() * 1000 * resolution
				if ack.P99 < atLeast || failed.P50 < atLeast || ack.P50 >= atLeast {
					t.Errorf("ack: median %v, p99 %v; without an answer: median %v", ack.P50, ack.P99, failed.P50)
				}
			})
		})
	}
}

// What was due and was not sent is told, with the reason.
func TestWhatWasNotSentIsTold(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		interrupted bool
		because     string
	}{
		"interrupted in a stall": {true, "interrupted while connections were busy"},
		"given up":               {false, "too slow for 2 connections"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				r := runInMemory(ctx, t, serving(t, counting(func(n int64, _ http.ResponseWriter, r *http.Request) {
					if n < 10 {
						return
					}
					if tt.interrupted && n == 10 {
						time.AfterFunc(500*time.Millisecond, cancel)
					}
					<-r.Context().Done()
				})), loadgen.Config{Rate: 1000, Duration: time.Second, Connections: 2, Timeout: longTimeout, Drain: 100 * time.Millisecond})
				due := r.Sent + r.Unsent
				if r.Unsent == 0 || r.UnsentBecause != tt.because || r.Errors["not sent"] != r.Unsent {
					t.Errorf("sent %d, not sent %d because %q: %v", r.Sent, r.Unsent, r.UnsentBecause, r.Errors)
				}
				if tt.interrupted && due >= 1000 || !tt.interrupted && due != 1000 || r.Requests != r.Sent {
					t.Errorf("due %d, sent %d in %d requests", due, r.Sent, r.Requests)
				}
			})
		})
	}
}

// A rate is over the time in which something was due or sent, and not over the time in
// which the last answers were awaited.
func TestRatesDoNotCountTheLastAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := runInMemory(t.Context(), t, serving(t, counting(func(int64, http.ResponseWriter, *http.Request) {
			<-time.After(300 * time.Millisecond)
		})), loadgen.Config{Rate: 50, Duration: time.Second, Connections: 64})
		if r.Accepted != 50 || r.DurationMS != 1000 {
			t.Errorf("%d accepted in %v ms, want 50 in 1000", r.Accepted, r.DurationMS)
		}
	})
}

// Every figure and count of a run is what arithmetic says, whatever the server does. The
// run takes place in the time of the test, in which nothing but the server takes time.
func TestFiguresAreTheTruth(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	always := func(d deed) deeds { return func(int64, time.Duration) deed { return d } }
	each := func(n int64, other, usual deed) deeds {
		return func(i int64, _ time.Duration) deed {
			if i%n == n-1 {
				return other
			}
			return usual
		}
	}
	ok := func(after time.Duration) deed { return deed{after: after, status: http.StatusOK} }
	kinds := []int{200, 429, 200, 503, 401, 200, 500, 200, 303, 200, 200}
	for name, tt := range map[string]struct {
		does deeds
		cfg  loadgen.Config
	}{
		"constant":                       {does: always(ok(20 * ms))},
		"constant, more than it carries": {does: always(ok(95 * ms)), cfg: loadgen.Config{Connections: 4, Rate: 50, Drain: time.Minute}},
		"given up in the end":            {does: always(ok(95 * ms)), cfg: loadgen.Config{Connections: 1, Rate: 100, Drain: 5 * time.Second}},
		"given up within the timeout":    {does: always(ok(900 * ms)), cfg: loadgen.Config{Connections: 2, Rate: 20, Drain: time.Second}},
		"half a millisecond":             {does: always(ok(ms / 2)), cfg: loadgen.Config{Rate: 1000}},
		"bimodal":                        {does: each(7, ok(400*ms), ok(10*ms))},
		"slower and slower":              {does: func(n int64, _ time.Duration) deed { return ok(time.Duration(n) * ms / 10) }},
		"freezes 1 s in every 2 s":       {does: func(_ int64, at time.Duration) deed { return ok(max(ms, time.Second-at%(2*time.Second))) }, cfg: loadgen.Config{Rate: 200, Connections: 3}},
		"freezes, with many connections": {does: func(_ int64, at time.Duration) deed { return ok(max(ms, time.Second-at%(2*time.Second))) }, cfg: loadgen.Config{Rate: 50}},
		"never answers 1 of 20":          {does: each(20, deed{never: true}, ok(10*ms))},
		"never answers, few connections": {does: each(20, deed{never: true}, ok(10*ms)), cfg: loadgen.Config{Connections: 2, Rate: 2}},
		"never answers at all":           {does: always(deed{never: true}), cfg: loadgen.Config{Rate: 10}},
		"hangs up on 1 of 20":            {does: each(20, deed{after: 30 * ms}, ok(10*ms))},
		"hangs up at once":               {does: always(deed{})},
		"ends each connection":           {does: always(deed{after: 15 * ms, status: http.StatusOK, closes: true})},
		"refuses by all kinds": {does: func(n int64, _ time.Duration) deed {
			return deed{after: time.Duration(5+n%11) * ms, status: kinds[n%11]}
		}},
		"refuses everything":              {does: always(deed{after: 3 * ms, status: http.StatusUnauthorized})},
		"refuses fast and accepts slowly": {does: each(3, deed{after: ms, status: http.StatusTooManyRequests}, ok(200*ms))},
		"every fault": {does: func(n int64, _ time.Duration) deed {
			switch {
			case n%50 == 7:
				return deed{never: true}
			case n%13 == 0:
				return deed{after: 70 * ms}
			}
			return deed{after: time.Duration(n%100) * ms, status: kinds[n%11], closes: n%5 == 0}
		}},
		"a closed loop": {does: always(ok(20 * ms)), cfg: loadgen.Config{Rate: -1, Connections: 4}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				cfg := tt.cfg
				cfg.Rate = max(0, cmp.Or(cfg.Rate, 100))
				cfg.Duration = cmp.Or(cfg.Duration, 10*time.Second)
				cfg.Connections = cmp.Or(cfg.Connections, 60)
				cfg.Timeout, cfg.Drain = 5*time.Second, cmp.Or(cfg.Drain, 2*time.Minute)
				r := (&trueServer{does: tt.does}).run(t.Context(), t, cfg)
				want := work(cfg, tt.does)
				want.check(t, r)
			})
		})
	}
}

// What listeners are shown is told exactly, for each event and listener: lost, doubled,
// shown late, or shown to some alone.
func TestWhatStreamsShowIsTheTruth(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for name, shows := range map[string]shows{
		"everything":        func(int64, int) (int, time.Duration) { return 1, 30 * ms },
		"bimodally":         func(n int64, _ int) (int, time.Duration) { return 1, time.Duration(20+400*(n%7/6)) * ms },
		"one listener late": func(_ int64, l int) (int, time.Duration) { return 1, time.Duration(25+700*l) * ms },
		"loses 1 of 40": func(n int64, _ int) (int, time.Duration) {
			return min(1, int(n%40)), 30 * ms
		},
		"doubles 1 of 30": func(n int64, _ int) (int, time.Duration) {
			return 2 - min(1, int(n%30)), 30 * ms
		},
		"loses for one": func(n int64, l int) (int, time.Duration) {
			return min(1, int(n%40)+l), 30 * ms
		},
		"doubles for one": func(n int64, l int) (int, time.Duration) {
			return 2 - min(1, int(n%40)+l), 30 * ms
		},
		"all at once": func(n int64, l int) (int, time.Duration) {
			switch {
			case n%50 == 3:
				return 0, 0
			case n%60 == 5:
				return 2, time.Duration(n%100) * ms
			case n%70 == 9 && l == 2:
				return 0, 0
			}
			return 1, time.Duration(n%100+int64(l)*50) * ms
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const listeners, connecting = 3, 40 * ms
				does := func(n int64, _ time.Duration) deed {
					if n%90 == 80 { // it is refused, and shown to nobody
						return deed{after: ms, status: http.StatusTooManyRequests}
					}
					return deed{after: 10 * ms, status: http.StatusOK}
				}
				cfg := loadgen.Config{Rate: 100, Duration: 10 * time.Second, Connections: 20, Listeners: listeners, Timeout: 5 * time.Second, Drain: time.Minute, BalanceTimeout: 5 * time.Second}
				r := (&trueServer{does: does, shows: shows, connecting: connecting}).run(t.Context(), t, cfg)
				want := work(cfg, does)
				want.check(t, r)
				var e2e, connect []time.Duration
				var is balance
				for n, at := range want.starts {
					if does(int64(n), at).status != http.StatusOK {
						continue
					}
					shown, twice := false, false
					var missed int64
					for l := range listeners {
						times, after := shows(int64(n), l)
						if times == 0 {
							missed++
							continue
						}
						shown, twice = true, twice || times > 1
						e2e = append(e2e, at-want.dues[n]+after)
					}
					switch {
					case !shown:
						is.Lost++
						continue
					case twice:
						is.Doubled++
					}
					is.Counted++
					is.Gaps += missed
				}
				is.Sent, is.Accepted, is.Rejected = want.sent, want.accepted, want.rejected
				if diff := gocmp.Diff(is, balanceOf(t, r)); diff != "" {
					t.Errorf("balance (-want +got):\n%s", diff)
				}
				checkLatency(t, "e2e", r.Latency[report.EndToEnd], e2e)
				for range listeners {
					connect = append(connect, connecting)
				}
				checkLatency(t, "connect", r.Latency[report.Connect], connect)
				if r.LostAtMost != nil || r.Listeners.Connected != listeners || r.Listeners.Reconnects > 0 {
					t.Errorf("at most %v lost, listeners %+v", r.LostAtMost, r.Listeners)
				}
			})
		})
	}
}

// The greatest rate that is found is what the connections carry: 64 of them, 150 ms each.
func TestFindMaxIsTheTruth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		does := func(int64, time.Duration) deed { return deed{after: 150 * time.Millisecond, status: http.StatusOK} }
		r := (&trueServer{does: does}).search(t.Context(), t, loadgen.Config{Rate: 50, Duration: 5 * time.Second, Connections: 64, Timeout: 5 * time.Second})
		const carried = 64 / 0.150
		if best := r.Options.Rate; best < carried*0.9 || best > carried*1.05 {
			t.Errorf("%v/s is the greatest, want %v: %+v", best, carried, r.Search)
		}
	})
}
