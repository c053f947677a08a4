package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/tracing"
	"github.com/chromedp/chromedp"

	"github.com/emostream/emostream/internal/sleep"
)

// Heap returns how many bytes the page's JavaScript holds once what is not needed has been removed.
func (tab *Tab) Heap() int64 {
	tab.tb.Helper()
	must(tab, heapprofiler.CollectGarbage, cdp.Empty{})
	return int64(must(tab, runtime.GetHeapUsage, cdp.Empty{}).UsedSize)
}

// Paint returns when the page was first painted, in ms since it was asked for.
func (tab *Tab) Paint() float64 {
	tab.tb.Helper()
	tab.Until(`performance.getEntriesByName("first-contentful-paint").length > 0`)
	return Eval[float64](tab, `performance.getEntriesByName("first-contentful-paint")[0].startTime`)
}

// Transferred returns how many bytes the page's files took, headers included, and a line for each. Streams and answers to
// taps do not count.
func (tab *Tab) Transferred() (all int64, lines []string) {
	for _, r := range tab.Requests() {
		if r.Type != "Fetch" && r.Type != "EventSource" && r.Type != "Ping" && r.Type != "XHR" {
			all += r.Bytes
			lines = append(lines, fmt.Sprintf("%7d %s", r.Bytes, r.URL))
		}
	}
	return all, lines
}

// Frames says how smoothly a page has moved. All times are in ms.
type Frames struct {
	// Intervals are the times between one frame and the next, by the clock of the screen: 16.7 each where none is missed.
	Intervals Distribution
	// Below17 is the share of the intervals that are below 17 ms.
	Below17 float64
	// Work is how long the page's thread was busy with a frame, from its first script to the last of its layout and paint.
	Work Distribution
}

func (f Frames) String() string {
	return fmt.Sprintf("%.1f %% of %d frames below 17 ms; interval %v; work %v", 100*f.Below17, f.Intervals.Count, f.Intervals, f.Work)
}

// Distribution is of some times.
type Distribution struct {
	Count              int
	P50, P95, P99, Max float64
}

func (d Distribution) String() string {
	return fmt.Sprintf("p50 %.1f, p95 %.1f, p99 %.1f, max %.1f ms", d.P50, d.P95, d.P99, d.Max)
}

func distribution(times []float64) (d Distribution) {
	if d.Count = len(times); d.Count == 0 {
		return d
	}
	slices.Sort(times)
	at := func(share float64) float64 { return times[min(int(share*float64(len(times))), len(times)-1)] }
	d.P50, d.P95, d.P99, d.Max = at(0.50), at(0.95), at(0.99), times[len(times)-1]
	return d
}

// traceEvent is a line of a trace of Chromium.
type traceEvent struct {
	Name, Ph string
	Pid      int64
	ID2      struct{ Local string }
	Ts       float64 // µs
	Args     struct {
		Data struct{ Frame string }
	}
}

// Frames measures how smoothly the page moves for a while: by the times that frames are given, and by a trace. Only one tab
// can be measured at a time.
func (tab *Tab) Frames(while time.Duration) (f Frames) {
	tab.tb.Helper()
	tab.Run(`const all = globalThis.framesMeasured = [];
		const frame = at => { if (framesMeasured === all) { all.push(at); requestAnimationFrame(frame); } };
		requestAnimationFrame(frame);`)
	events := tab.trace(while)
	at := Eval[[]float64](tab, `(() => { const all = framesMeasured; globalThis.framesMeasured = null; return all; })()`)
	var intervals []float64
	below := 0
	for i := 1; i < len(at); i++ {
		interval := at[i] - at[i-1]
		if intervals = append(intervals, interval); interval < 17 {
			below++
		}
	}
	if f.Intervals = distribution(intervals); f.Intervals.Count > 0 {
		f.Below17 = float64(below) / float64(len(intervals))
	}
	f.Work = distribution(frameWork(events, tab.frame()))
	return f
}

// frame returns the name of the tab's page in traces.
func (tab *Tab) frame() string { return string(chromedp.FromContext(tab.ctx).Target.TargetID) }

// frameWork returns how long each frame of a page took.
func frameWork(events []traceEvent, page string) (work []float64) {
	var pid int64
	for _, e := range events {
		if e.Name == "RequestAnimationFrame" && e.Args.Data.Frame == page {
			pid = e.Pid
		}
	}
	const perMillisecond = 1000
	began := map[string]float64{}
	for _, e := range events {
		if e.Name != "AnimationFrame::Render" || e.Pid != pid {
			continue
		}
		if e.Ph == "b" {
			began[e.ID2.Local] = e.Ts
		} else if from, known := began[e.ID2.Local]; known && e.Ph == "e" {
			work = append(work, (e.Ts-from)/perMillisecond)
		}
	}
	return work
}

// trace records what Chromium does for a while.
func (tab *Tab) trace(while time.Duration) (events []traceEvent) {
	tab.tb.Helper()
	done := make(chan struct{})
	ctx, forget := context.WithCancel(tab.ctx)
	defer forget()
	if err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *tracing.EventDataCollected:
			for _, line := range e.Value {
				var t traceEvent
				if json.Unmarshal(line, &t) == nil && (t.Name == "AnimationFrame::Render" || t.Name == "RequestAnimationFrame") {
					events = append(events, t)
				}
			}
		case *tracing.EventTracingComplete:
			close(done)
		}
	}); err != nil {
		tab.tb.Fatal(err)
	}
	must(tab, tracing.Start, tracing.StartParams{TraceConfig: &tracing.TraceConfig{IncludedCategories: []string{"devtools.timeline"}}})
	if err := sleep.For(tab.ctx, while); err != nil {
		tab.tb.Fatal(err)
	}
	must(tab, tracing.End, cdp.Empty{})
	select {
	case <-done:
	case <-time.After(2 * MaxWait):
		tab.tb.Fatal("the trace does not end")
	}
	return events
}
