package tui_test

import (
	"fmt"
	"image/color"
	"math"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/tui"
	"github.com/emostream/emostream/tui/draw"
)

// runningSnapshot returns the snapshot of a run in its nth second.
func runningSnapshot(n int) loadgen.Snapshot {
	s := loadgen.Snapshot{
		Phase: loadgen.Sending, Elapsed: time.Duration(n)*time.Second + 300*time.Millisecond, Planned: 40 * time.Second,
		Stage: n / 20, Stages: 2, Asked: 2000, Reached: 2000 - 100*math.Abs(math.Sin(float64(n))), Sent: int64(2000 * n), Accepted: int64(1990*n) - 31,
		AckP50: 1.8, AckP99: 5 + 3*math.Abs(math.Cos(float64(n))), OverheadP99: 127.8, Listeners: 1000, Wanted: 1000, Events: int64(500 * n),
	}
	for i, c := range []int64{3, 120, 2400, 9800, 3100, 420, 60, 7, 0, 0, 1} {
		s.Buckets[i+8] = c * int64(n)
	}
	return s
}

// failingSnapshot returns the snapshot of a run with many failures.
func failingSnapshot(n int) loadgen.Snapshot {
	s := runningSnapshot(n)
	s.Rejected, s.InDoubt, s.Waiting, s.Listeners = 21, 10, 1234, 962
	s.Errors = map[string]int64{"503 not_written": 21, "timeout": 10, "connection refused": 3, "\x1b[31m\x1b]0;title\x07evil\u202e" + strings.Repeat(" long", 30): 1, "eof": 1, "429": 2}
	return s
}

// benchAfter returns a Bench that has received messages.
func benchAfter(t *testing.T, msgs ...tea.Msg) tui.Bench {
	t.Helper()
	var m tea.Model = tui.NewBench("http://127.0.0.1:5000", draw.Appearance{}, nil)
	for _, msg := range msgs {
		m, _ = m.Update(msg)
	}
	return m.(tui.Bench)
}

// snapshots returns the messages of n seconds of a run, followed by more.
func snapshots(n int, snapshot func(int) loadgen.Snapshot, more ...tea.Msg) []tea.Msg {
	var msgs []tea.Msg
	for i := range n + 1 {
		msgs = append(msgs, snapshot(i))
	}
	return append(msgs, more...)
}

// The command `go test ./tui -update` writes the golden files again.
func TestBenchView(t *testing.T) {
	states := map[string][]tea.Msg{
		"begin":   nil,
		"run":     snapshots(25, runningSnapshot),
		"trouble": snapshots(25, failingSnapshot, tui.StopRequested{}),
	}
	for _, size := range []tea.WindowSizeMsg{{Width: 80, Height: 24}, {Width: 120, Height: 40}, {Width: 40, Height: 12}, {Width: 72, Height: 20}} {
		for name, msgs := range states {
			t.Run(fmt.Sprintf("%s %dx%d", name, size.Width, size.Height), func(t *testing.T) {
				view := ansi.Strip(benchAfter(t, append(msgs, size)...).View().Content)
				checkSize(t, view, size, ansi.StringWidth, ansi.StringWidthWc)
				golden.RequireEqual(t, strings.ReplaceAll(view, " \n", " |\n"))
			})
		}
	}
}

// At every size the view is as large as the terminal.
func TestBenchViewAtAnySize(t *testing.T) {
	for w := 0; w < 130; w += 7 {
		for h := 1; h < 45; h += 4 {
			size := tea.WindowSizeMsg{Width: w, Height: h}
			checkSize(t, ansi.Strip(benchAfter(t, snapshots(3, failingSnapshot, size)...).View().Content), size, ansi.StringWidth, ansi.StringWidthWc)
		}
	}
}

// Hostile text brings no escape sequences to the terminal. The view uses the alternate
// screen, so that the text that was there before comes back.
func TestBenchCleansHostileText(t *testing.T) {
	v := benchAfter(t, snapshots(5, failingSnapshot)...).View()
	for _, bad := range []string{"\x1b]", "\a", "\u202e"} {
		if strings.Contains(v.Content, bad) {
			t.Errorf("the view has %q", bad)
		}
	}
	if !v.AltScreen {
		t.Error("the view is drawn over what the terminal shows")
	}
}

// The theme follows the background of the terminal.
func TestBenchTheme(t *testing.T) {
	dark := benchAfter(t, snapshots(5, runningSnapshot, tea.BackgroundColorMsg{Color: color.Black})...).View().Content
	light := benchAfter(t, snapshots(5, runningSnapshot, tea.BackgroundColorMsg{Color: color.White})...).View().Content
	if dark == light {
		t.Error("dark and light look the same")
	}
	if ansi.Strip(dark) != ansi.Strip(light) {
		t.Error("dark and light say different things")
	}
}

// In ASCII the view has the same size and shows the same information.
func TestBenchInASCII(t *testing.T) {
	var m tea.Model = tui.NewBench("http://127.0.0.1:5000", draw.Appearance{ASCII: true}, nil)
	for _, msg := range snapshots(25, failingSnapshot, sizes[1]) {
		m, _ = m.Update(msg)
	}
	view := ansi.Strip(m.(tui.Bench).View().Content)
	checkSize(t, view, sizes[1], ansi.StringWidth, ansi.StringWidthWc)
	if strings.ContainsFunc(view, func(r rune) bool { return r > '~' }) {
		t.Errorf("it is not ASCII:\n%s", view)
	}
	golden.RequireEqual(t, strings.ReplaceAll(view, " \n", " |\n"))
}

func TestBenchUpdate(t *testing.T) {
	ctrlC := tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}
	search := runningSnapshot(3)
	search.Step, search.Rate = 2, 4000
	for name, test := range map[string]struct {
		msgs      []tea.Msg
		stops     int // how often the run was asked to end
		quits     bool
		abandoned bool
		shows     []string
		hides     []string
	}{
		"nothing yet":             {shows: []string{"registering", "no answers yet", "0 of 0", "end the run and report"}},
		"a snapshot":              {msgs: snapshots(25, runningSnapshot), shows: []string{"sending", "25s of 40s, stage 2 of 2", "of 2,000/s asked", "1,000 of 1,000", "49,719"}, hides: []string{"due", "stopping"}},
		"trouble":                 {msgs: snapshots(2, failingSnapshot), shows: []string{"1,234 due", "962 of 1,000", "503 not_written"}},
		"another key":             {msgs: []tea.Msg{tea.KeyPressMsg{Code: 'x', Text: "x"}}},
		"ctrl+c":                  {msgs: append(snapshots(2, runningSnapshot), ctrlC), stops: 1, shows: []string{"stopping: sending", "leave without a report"}},
		"q":                       {msgs: []tea.Msg{tea.KeyPressMsg{Code: 'q', Text: "q"}}, stops: 1, shows: []string{"stopping"}},
		"ctrl+c twice":            {msgs: []tea.Msg{ctrlC, ctrlC}, stops: 1, quits: true, abandoned: true},
		"stopped from elsewhere":  {msgs: []tea.Msg{tui.StopRequested{}}, shows: []string{"stopping"}},
		"ctrl+c after a signal":   {msgs: []tea.Msg{tui.StopRequested{}, ctrlC}, quits: true, abandoned: true},
		"the end":                 {msgs: []tea.Msg{tui.Ended{}}, quits: true},
		"a step of a search":      {msgs: []tea.Msg{search}, shows: []string{"step 2 at 4,000/s"}},
		"the closed loop":         {msgs: []tea.Msg{loadgen.Snapshot{Phase: loadgen.Sending, Stages: 1, ClosedLoop: true}}, shows: []string{"as fast as answers come"}},
		"a ramp that begins at 0": {msgs: []tea.Msg{loadgen.Snapshot{Phase: loadgen.Sending, Stages: 1}}, shows: []string{"of 0/s asked"}},
		"a warm-up":               {msgs: []tea.Msg{loadgen.Snapshot{Phase: loadgen.Sending, Stages: 1, WarmingUp: true, Planned: 15 * time.Second, Elapsed: 5 * time.Second}}, shows: []string{"5s of 15s, warm-up"}},
		"all was due":             {msgs: []tea.Msg{loadgen.Snapshot{Phase: loadgen.Sending, Stages: 1, Planned: 15 * time.Second, Elapsed: 15 * time.Second}}, shows: []string{"of what is left"}},
		"settling":                {msgs: snapshots(3, func(n int) loadgen.Snapshot { s := runningSnapshot(n); s.Phase = loadgen.Settling; return s }), shows: []string{"settling"}, hides: []string{"▁"}},
	} {
		t.Run(name, func(t *testing.T) {
			stops, quits := 0, false
			var m tea.Model = tui.NewBench("http://x", draw.Appearance{}, func() { stops++ })
			for _, msg := range test.msgs {
				var cmd tea.Cmd
				if m, cmd = m.Update(msg); cmd != nil {
					_, quits = cmd().(tea.QuitMsg)
				}
			}
			if b := m.(tui.Bench); stops != test.stops || quits != test.quits || b.Abandoned() != test.abandoned {
				t.Errorf("stopped %d times, quits %t, abandoned %t", stops, quits, b.Abandoned())
			}
			view := ansi.Strip(m.(tui.Bench).View().Content)
			for _, want := range test.shows {
				if !strings.Contains(view, want) {
					t.Errorf("the view does not show %q:\n%s", want, view)
				}
			}
			for _, bad := range test.hides {
				if strings.Contains(view, bad) {
					t.Errorf("the view shows %q:\n%s", bad, view)
				}
			}
		})
	}
}

// Later messages do not change an older model.
func TestBenchIsAValue(t *testing.T) {
	before := benchAfter(t, snapshots(5, runningSnapshot)...)
	was := before.View().Content
	for n := 6; n < 600; n++ {
		m, _ := before.Update(runningSnapshot(n))
		if n%100 == 0 {
			m.Update(runningSnapshot(n + 1))
		}
	}
	if before.View().Content != was {
		t.Error("the model has changed")
	}
}

// A stream is no request: what a line says of requests agrees with the error rate.
func TestBenchLineTellsStreamsFromRequests(t *testing.T) {
	line := tui.BenchLine(loadgen.Snapshot{Phase: loadgen.Sending, Elapsed: time.Second, Errors: map[string]int64{"timeout": 2, "503": 3, "stream ended": 4}})
	if want := ", 5 requests failed, 4 streams failed"; !strings.HasSuffix(line, want) {
		t.Errorf("%q does not end with %q", line, want)
	}
}
