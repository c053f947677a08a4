package main

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/tui"
)

// The rates of metrics are those of the last four seconds.
func TestMetricHistory(t *testing.T) {
	reg := prometheus.NewRegistry()
	taken := prometheus.NewCounter(prometheus.CounterOpts{Name: "taken_total"})
	lag := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "lag"}, []string{"topic", "partition"})
	delay := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "delay_seconds"})
	reg.MustRegister(taken, lag, delay)
	lag.WithLabelValues("a", "0").Set(3)
	lag.WithLabelValues("a", "1").Set(4)
	lag.WithLabelValues("b", "0").Set(5)
	start, m := time.Unix(1_800_000_000, 0), metricHistory{}
	m.add(start, sumMetrics(reg))
	if m.rate("taken_total") != 0 || m.mean("delay_seconds") != 0 {
		t.Error("one sample is enough for a rate")
	}
	for second := 1; second <= 20; second++ {
		taken.Add(100)
		if second > 10 {
			taken.Add(200)
		}
		delay.Observe(float64(second))
		m.add(start.Add(time.Duration(second)*time.Second), sumMetrics(reg))
	}
	if got := m.rate("taken_total"); got != 300 {
		t.Errorf("%v a second, want 300", got)
	}
	if got := m.mean("delay_seconds"); got != 18500*time.Millisecond {
		t.Errorf("a mean of %v, want that of 17 to 20 s", got)
	}
	if m.latest("lag") != 12 || m.latest("lag/a") != 7 || m.latest("unknown") != 0 {
		t.Errorf("lag %v, of a %v", m.latest("lag"), m.latest("lag/a"))
	}
	if len(m.sums) > 6 {
		t.Errorf("it keeps %d samples", len(m.sums))
	}
}

func TestActiveChannels(t *testing.T) {
	now := time.UnixMilli(100_000)
	swarm := func(channel string, end, n int64) wire.Swarm {
		return wire.Swarm{Channel: channel, Window: wire.Window{Start: end - 2000, End: end}, Total: n}
	}
	for name, test := range map[string]struct {
		seen   []wire.Swarm
		shown  string
		totals []float64
		others int
	}{
		"nothing":                         {totals: []float64{}},
		"windows in turn":                 {[]wire.Swarm{swarm("main", 96_000, 1), swarm("main", 98_000, 2), swarm("main", 100_000, 3)}, "main", []float64{1, 2, 3}, 0},
		"windows out of turn":             {[]wire.Swarm{swarm("main", 100_000, 3), swarm("main", 98_000, 2)}, "main", []float64{2, 3}, 0},
		"a window that grew":              {[]wire.Swarm{swarm("main", 98_000, 2), swarm("main", 98_000, 5)}, "main", []float64{5}, 0},
		"an old state of a window":        {[]wire.Swarm{swarm("main", 98_000, 5), swarm("main", 98_000, 2)}, "main", []float64{5}, 0},
		"main, and a busier one":          {[]wire.Swarm{swarm("room", 98_000, 50), swarm("main", 98_000, 2)}, "main", []float64{2}, 1},
		"a quiet main, and another":       {[]wire.Swarm{swarm("main", 98_000, 0), swarm("room", 98_000, 50)}, "room", []float64{50}, 1},
		"the busiest":                     {[]wire.Swarm{swarm("a", 98_000, 2), swarm("b", 98_000, 50), swarm("c", 98_000, 3)}, "b", []float64{50}, 2},
		"of two alike the first":          {[]wire.Swarm{swarm("b", 98_000, 7), swarm("a", 98_000, 7)}, "a", []float64{7}, 1},
		"one that ended":                  {[]wire.Swarm{swarm("a", 80_000, 50), swarm("b", 98_000, 1)}, "b", []float64{1}, 0},
		"all have ended, main too":        {[]wire.Swarm{swarm("a", 80_000, 50), swarm("main", 80_000, 1)}, "main", []float64{1}, 0},
		"main has ended, and another not": {[]wire.Swarm{swarm("main", 80_000, 50), swarm("a", 98_000, 1)}, "a", []float64{1}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := activeChannels{}
			for _, s := range test.seen {
				c.add(s)
			}
			shown, others := c.choose(now)
			if shown.newest.Channel != test.shown || !slices.Equal(shown.values(), test.totals) || others != test.others {
				t.Errorf("got %q with %v and %d others", shown.newest.Channel, shown.values(), others)
			}
			if again, _ := c.choose(now); again.newest.Channel != test.shown {
				t.Errorf("then %q", again.newest.Channel)
			}
		})
	}
}

// The dashboard keeps a limited number of windows of a channel, and forgets channels
// that are no longer active.
func TestActiveChannelsAreBounded(t *testing.T) {
	c := activeChannels{}
	for i := range int64(1000) {
		end := 10_000 + 2000*i
		c.add(wire.Swarm{Channel: wire.MainChannel, Window: wire.Window{End: end}, Total: i})
		c.add(wire.Swarm{Channel: fmt.Sprint("room-", i), Window: wire.Window{End: end}, Total: 1})
		c.choose(time.UnixMilli(end))
	}
	if len(c) > 8 || len(c[wire.MainChannel].totals) != maxWindows {
		t.Errorf("%d channels, %d windows", len(c), len(c[wire.MainChannel].totals))
	}
}

// An emoji that a manager has hidden leaves the dashboard at once, and comes back when it is
// shown again. The total of the window stays.
func TestDashboardHidesEmojis(t *testing.T) {
	table := &controls.Table{}
	p := &pipeline{metrics: prometheus.NewRegistry(), main: &mainServer{controls: &controlsFollower{table: table}}}
	d := newDashboard(p, &dashboardLog{})
	end := time.Now().UnixMilli()
	d.channels.add(wire.Swarm{
		Channel: wire.MainChannel, Window: wire.Window{Start: end - 2000, End: end}, Total: 9,
		Emojis: []wire.EmojiCount{{Emoji: "💩", Count: 5}, {Emoji: "🔥", Count: 4}},
	})
	shows := func(when, want string) {
		t.Helper()
		window, got := d.snapshot().Window, ""
		for _, e := range window.Emojis {
			got += e.Emoji
		}
		if got != want || window.Total != 9 {
			t.Errorf("%s: it shows %s of %d, want %s of 9", when, got, window.Total, want)
		}
	}
	shows("at the start", "💩🔥")
	if err := table.Set(controls.Control{Kind: controls.Emoji, Name: "💩", State: controls.Hidden}); err != nil {
		t.Fatal(err)
	}
	shows("when one is hidden", "🔥")
	table.Remove(controls.Emoji, "💩")
	shows("when it is shown again", "💩🔥")
}

func TestDashboardLog(t *testing.T) {
	var r dashboardLog
	log := r.logger(slog.LevelInfo)
	log.Debug("too little")
	log.With("part", "broker").Info("created topics", "topics", []string{"a", "b"})
	log.WithGroup("g").Warn(`a "quoted" word`, "error", "no such file")
	log.Error("plain", "n", 3)
	lines, logged := r.snapshot()
	for i := range lines {
		if _, err := time.Parse(time.TimeOnly, lines[i].Time); err != nil {
			t.Error(err)
		}
		lines[i].Time = ""
	}
	want := []tui.LogLine{
		{Level: slog.LevelInfo, Text: `created topics part=broker topics="[a b]"`},
		{Level: slog.LevelWarn, Text: `a "quoted" word g.error="no such file"`},
		{Level: slog.LevelError, Text: "plain n=3"},
	}
	if diff := cmp.Diff(want, lines); diff != "" || logged != 3 {
		t.Errorf("%d lines were logged: %s", logged, diff)
	}
	for i := range 2 * maxLogLines {
		log.Info("line", "n", i)
	}
	lines, logged = r.snapshot()
	if len(lines) != maxLogLines || logged != 3+2*maxLogLines || !strings.HasSuffix(lines[maxLogLines-1].Text, fmt.Sprint("n=", 2*maxLogLines-1)) {
		t.Errorf("%d of %d lines are kept, the last is %q", len(lines), logged, lines[len(lines)-1].Text)
	}
}

// The state of subscribe is the worst state of all subscriber servers.
func TestStageStates(t *testing.T) {
	p := &pipeline{addresses: addresses{Subscribers: []subscriber{{Name: "sub1"}, {Name: "sub2"}}}}
	for _, name := range []string{"serve", "sub1", "sub2"} {
		p.addStage(name, nil)
	}
	d := newDashboard(p, &dashboardLog{})
	expect := func(when string, serve, subscribe tui.State) {
		t.Helper()
		if s := d.state("serve"); s != serve {
			t.Errorf("%s: serve is %s, want %s", when, s, serve)
		}
		if s := d.state("subscribe"); s != subscribe {
			t.Errorf("%s: subscribe is %s, want %s", when, s, subscribe)
		}
	}
	expect("at the start", tui.Starting, tui.Starting)
	p.wasReady.Store(true)
	expect("when all is ready", tui.Running, tui.Running)
	d.notReady = fmt.Errorf("kafka is away")
	expect("without Kafka", tui.NotReady, tui.Running)
	p.stages[0].stopping.Store(true)
	p.stages[2].stopping.Store(true)
	expect("while they stop", tui.Stopping, tui.Stopping)
	close(p.stages[0].done)
	p.stages[1].err = fmt.Errorf("no more coffee")
	close(p.stages[1].done)
	expect("when one has failed", tui.Stopped, tui.Failed)
}

// The addresses begin with that of the page, or without it with that of the main server.
func TestFactsNameThePage(t *testing.T) {
	at := addresses{Ready: "http://127.0.0.1:5000"}
	for page, want := range map[string]tui.Fact{
		"": {Name: "main", Value: "http://127.0.0.1:5000"}, "http://127.0.0.1:5000/": {Name: "page", Value: "http://127.0.0.1:5000/"},
	} {
		at.Page = page
		if got := newDashboard(&pipeline{addresses: at}, &dashboardLog{}).facts()[0]; got != want {
			t.Errorf("the first is %+v, want %+v", got, want)
		}
	}
}
