package report_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/emostream/emostream/loadgen/report"
)

// load says how a fabricated run differs from a good one.
type load struct {
	seed     uint64
	slower   float64 // factor by which the overhead is longer; 0 means 1
	seconds  int     // 0 means 30
	rate     float64 // 0 means 2000
	lost     int64
	doubled  int64
	invalid  bool
	failures int64
	stall    bool // one second in which nothing is answered
}

// start returns when fabricated runs begin.
func start() time.Time { return time.Date(2026, 11, 25, 9, 30, 0, 0, time.UTC) }

// fabricate makes up the report of a run with 1,000 listeners.
func fabricate(l load) report.Report {
	if l.seconds == 0 {
		l.seconds = 30
	}
	if l.rate == 0 {
		l.rate = 2000
	}
	if l.slower == 0 {
		l.slower = 1
	}
	sent := int64(l.rate) * int64(l.seconds)
	r := report.Report{
		Schema: report.Schema, Invalid: l.invalid, Started: start(), DurationMS: float64(l.seconds) * 1000, Seed: l.seed,
		Options: report.Options{
			Target: "http://127.0.0.1:5000", Rate: l.rate, DurationMS: float64(l.seconds) * 1000, Connections: 64, Listeners: 1000,
			Batch: 1, Kinds: 9, Users: 10000, Channel: fmt.Sprintf("bench-%04x", l.seed),
		},
		Environment: report.Environment{Version: "1.4.0", Go: "go1.26.8", OS: "linux", Arch: "amd64", CPUs: 2, Host: "stage-left", OpenFiles: 65536},
		Sent:        sent, Accepted: sent - l.failures, Rejected: l.failures, Requests: sent, Errors: map[string]int64{},
		Counted: new(sent - l.failures - l.lost + l.doubled), Lost: &l.lost, Doubled: &l.doubled, Shifted: new(int64(0)),
		Listeners: report.Listeners{Wanted: 1000, Connected: 1000, Events: int64(l.seconds) * 500, Bytes: int64(l.seconds) * 500 * 412},
	}
	if l.failures > 0 {
		r.Errors["503 not_written"] = l.failures - l.failures/3
		if n := l.failures / 3; n > 0 {
			r.Errors["timeout"] = n
		}
	}
	if l.lost > 0 {
		r.Windows = append(r.Windows, report.WindowBalance{End: start().Add(8 * time.Second), Emoji: "🔥", Accepted: 812, Counted: 812 - l.lost})
	}
	if l.doubled > 0 {
		r.Windows = append(r.Windows, report.WindowBalance{End: start().Add(10 * time.Second), Emoji: "😂", Accepted: 640, Counted: 640 + l.doubled})
	}
	if l.invalid {
		r.Notes = []string{"The generator fell behind its own schedule: a tenth of the requests were sent 48 ms late or more. Give it another machine, or ask for less."}
	}
	r.Latency, r.Series = figuresOf(l)
	return r
}

// figures are what a fabricated run has measured.
type figures struct {
	latency map[string]*report.Latency
	series  []report.Point
}

// made are the figures of each load that was asked for before: making them takes longer than most tests.
var made sync.Map

// figuresOf makes up the figures of a load. They are the caller's own.
func figuresOf(l load) (map[string]*report.Latency, []report.Point) {
	before, ok := made.Load(l)
	if !ok {
		random := rand.New(rand.NewPCG(l.seed, 1))
		latency := fabricateLatencies(random, l)
		before, _ = made.LoadOrStore(l, figures{latency, fabricateSeries(random, l)})
	}
	f := before.(figures)
	latency := map[string]*report.Latency{}
	for name, figure := range f.latency {
		own := *figure
		latency[name] = &own
	}
	return latency, slices.Clone(f.series)
}

// lognormal returns a random duration with the given median and spread.
func lognormal(random *rand.Rand, median time.Duration, sigma float64) time.Duration {
	return time.Duration(float64(median) * math.Exp(sigma*random.NormFloat64()))
}

func fabricateLatencies(random *rand.Rand, l load) map[string]*report.Latency {
	delay, ack, wait, overhead, whole, connect, first := report.NewHistogram(), report.NewHistogram(), report.NewHistogram(),
		report.NewHistogram(), report.NewHistogram(), report.NewHistogram(), report.NewHistogram()
	for second := range l.seconds {
		shared := 0.9 + 0.2*random.Float64() // a factor that ack and overhead of one second share
		for range 200 {
			delay.Record(lognormal(random, 40*time.Microsecond, 0.6))
			a := time.Duration(shared * float64(lognormal(random, 1800*time.Microsecond, 0.5)))
			if l.stall && second == l.seconds/2 {
				a = time.Duration(random.Float64() * float64(time.Second))
			}
			w := time.Duration(random.Int64N(int64(2 * time.Second)))
			o := time.Duration(l.slower * shared * float64(lognormal(random, 105*time.Millisecond, 0.06)))
			ack.Record(a)
			wait.Record(w)
			overhead.Record(o)
			whole.Record(a + w + o)
		}
	}
	for range 1000 {
		connect.Record(lognormal(random, 3*time.Millisecond, 0.4))
		first.Record(lognormal(random, 5*time.Millisecond, 0.4))
	}
	return map[string]*report.Latency{
		report.SendDelay: delay.Latency(), report.Ack: ack.Latency(), report.WindowWait: wait.Latency(), report.Overhead: overhead.Latency(),
		report.EndToEnd: whole.Latency(), report.Connect: connect.Latency(), report.FirstEvent: first.Latency(),
	}
}

func fabricateSeries(random *rand.Rand, l load) []report.Point {
	points := make([]report.Point, l.seconds)
	for i := range points {
		p := report.Point{
			AtMS: float64(i+1) * 1000, Asked: l.rate, Sent: int64(l.rate), Accepted: int64(l.rate), Listeners: 1000, Events: 500,
			AckP50: 1.8 * (0.9 + 0.2*random.Float64()), AckP99: 5.6 * (0.8 + 0.5*random.Float64()),
		}
		if l.stall && i == l.seconds/2 {
			p.Accepted /= 4
			p.AckP50, p.AckP99 = 480, 990
		}
		if l.failures > 0 && i == l.seconds/3 {
			p.Accepted -= min(l.failures, p.Accepted)
			p.Failed = l.failures
		}
		points[i] = p
	}
	return points
}
