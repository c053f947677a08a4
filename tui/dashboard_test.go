package tui_test

import (
	"fmt"
	"image/color"
	"log/slog"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"

	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/tui"
	"github.com/emostream/emostream/tui/draw"
)

// healthyPipeline returns the snapshot of a pipeline without trouble.
func healthyPipeline() tui.PipelineSnapshot {
	p := tui.PipelineSnapshot{
		Version: "v1.2.3", Uptime: 3*time.Hour + 4*time.Minute + 5*time.Second, Channels: 2, Delay: 113 * time.Millisecond,
		Stages: []tui.Stage{
			{Name: "serve", State: tui.Running, Rate: 1234, Lag: -1, Detail: "1,234,567 taken in, 3 refused, ack 2.1ms"},
			{Name: "aggregate", State: tui.Running, Rate: 1234, Lag: 17, Detail: "6,172 windows, 0 late"},
			{Name: "publish", State: tui.Running, Rate: 1.5, Lag: 0, Detail: "6,172 swarms"},
			{Name: "subscribe", State: tui.Running, Rate: 4000, Lag: -1, Detail: "24,690,000 updates to 8,000 clients, 12 skipped"},
			{Name: "broker", State: tui.Running, Rate: -1, Lag: -1, Detail: "embedded"},
		},
		Window: wire.Swarm{Channel: "main", Window: wire.Window{Start: 1_800_000_000_000, End: 1_800_000_002_000}, Total: 2468},
		Facts: []tui.Fact{
			{Name: "main", Value: "http://127.0.0.1:5000"},
			{Name: "kafka", Value: "localhost:9092"},
			{Name: "log", Value: "1,234,567 reactions, 12.3 MiB"},
			{Name: "folder", Value: "/home/ann/.local/state/emostream"},
			{Name: "try", Value: "emostream send :fire:"},
		},
	}
	for i := range 6 {
		p.Servers = append(p.Servers, tui.Server{Name: fmt.Sprintf("sub%d", i+1), Cluster: fmt.Sprintf("cluster_%d", i/3+1), State: wire.StateServing, Clients: 1000 + 1500*i, Capacity: 10_000, Rate: 650})
	}
	for i, e := range []string{"🔥", "❤️", "👍🏽", "🇩🇪", "👨‍👩‍👧", "1️⃣", "✌🏽", "😂"} {
		p.Window.Emojis = append(p.Window.Emojis, wire.EmojiCount{Emoji: e, Count: int64(1000 >> i)})
	}
	for i := range 90 {
		p.Totals = append(p.Totals, float64(1000+i*i%700))
	}
	for i := range 40 {
		p.Log = append(p.Log, tui.LogLine{Time: fmt.Sprintf("12:00:%02d", i), Text: fmt.Sprintf("claimed partitions group=emostream-combine generation=%d", i+1)})
	}
	p.Logged = 140
	return p
}

// troubledPipeline returns the snapshot of a pipeline with much trouble.
func troubledPipeline() tui.PipelineSnapshot {
	p := healthyPipeline()
	p.Stages[0].State, p.Stages[0].Detail = tui.NotReady, "reactions cannot be written: the leader is away"
	p.Stages[1].Lag = 1_234_567
	p.Servers[0].Silent = 7 * time.Second
	p.Servers[1].State = wire.StateDraining
	p.Servers[2].State = ""
	p.Servers[3].Clients = 10_000
	p.Window.Emojis[1].Emoji = "\x1b[2Jevil"
	p.Log[37].Level = slog.LevelDebug
	p.Log[38].Level, p.Log[38].Text = slog.LevelWarn, "waiting for kafka brokers=127.0.0.1:9092"
	p.Log[39].Level, p.Log[39].Text = slog.LevelError, "\x1b]0;owned\a\u202eevil 👍🏽 "+strings.Repeat("long ", 40)
	return p
}

func dashboardAfter(t *testing.T, appearance draw.Appearance, msgs ...tea.Msg) tui.Dashboard {
	t.Helper()
	var m tea.Model = tui.NewDashboard(appearance, nil)
	for _, msg := range msgs {
		m, _ = m.Update(msg)
	}
	return m.(tui.Dashboard)
}

var sizes = []tea.WindowSizeMsg{{Width: 40, Height: 12}, {Width: 80, Height: 24}, {Width: 120, Height: 40}}

// columnCounters holds the functions that count columns by each method.
var columnCounters = map[draw.WidthMethod]func(string) int{draw.WidthByCodePoint: ansi.StringWidthWc, draw.WidthByGrapheme: ansi.StringWidth}

// The command `go test ./tui -update` writes the golden files again.
func TestDashboardView(t *testing.T) {
	for name, msg := range map[string]tea.Msg{"begin": tui.PipelineSnapshot{}, "fine": healthyPipeline(), "trouble": troubledPipeline()} {
		for _, size := range sizes {
			for kind, appearance := range map[string]draw.Appearance{"text": {}, "text by grapheme": {WidthMethod: draw.WidthByGrapheme}, "ascii": {ASCII: true}} {
				t.Run(fmt.Sprintf("%s %dx%d %s", name, size.Width, size.Height, kind), func(t *testing.T) {
					view := ansi.Strip(dashboardAfter(t, appearance, msg, size).View().Content)
					checkSize(t, view, size, columnCounters[appearance.WidthMethod])
					if appearance.ASCII && strings.ContainsFunc(view, func(r rune) bool { return r > '~' }) {
						t.Errorf("it is not ASCII:\n%s", view)
					}
					golden.RequireEqual(t, strings.ReplaceAll(view, " \n", " |\n"))
				})
			}
		}
	}
}

// The golden files show the colours of each theme.
func TestDashboardColours(t *testing.T) {
	white, sixteen := tea.BackgroundColorMsg{Color: color.White}, tea.ColorProfileMsg{Profile: colorprofile.ANSI}
	for name, test := range map[string]struct {
		appearance draw.Appearance
		msgs       []tea.Msg
	}{
		"dark":       {},
		"light":      {msgs: []tea.Msg{white}},
		"contrast":   {appearance: draw.Appearance{Theme: "contrast"}},
		"16 colours": {msgs: []tea.Msg{sixteen}},
		"none":       {appearance: draw.Appearance{Theme: "none"}},
	} {
		t.Run(name, func(t *testing.T) {
			golden.RequireEqual(t, dashboardAfter(t, test.appearance, append(test.msgs, troubledPipeline(), sizes[1])...).View().Content)
		})
	}
}

// At every size the view is exactly as large as the terminal. If the terminal is too
// small, the view says so.
func TestDashboardViewAtAnySize(t *testing.T) {
	for w := 0; w < 130; w += 5 {
		for h := 1; h < 45; h += 3 {
			size := tea.WindowSizeMsg{Width: w, Height: h}
			view := ansi.Strip(dashboardAfter(t, draw.Appearance{}, troubledPipeline(), size).View().Content)
			checkSize(t, view, size, ansi.StringWidthWc)
			if small := w < 40 || h < 12; w >= 20 && h >= 3 && small != strings.Contains(view, "needs 40x12") {
				t.Errorf("%dx%d is\n%s", w, h, view)
			}
		}
	}
}

// keyPresses returns key presses.
func keyPresses(names ...string) []tea.Msg {
	keys := map[string]tea.KeyPressMsg{
		"ctrl+c": {Code: 'c', Mod: tea.ModCtrl}, "tab": {Code: tea.KeyTab}, "shift+tab": {Code: tea.KeyTab, Mod: tea.ModShift},
		"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown},
		"pgup": {Code: tea.KeyPgUp}, "pgdown": {Code: tea.KeyPgDown}, "left": {Code: tea.KeyLeft}, "right": {Code: tea.KeyRight},
	}
	var msgs []tea.Msg
	for _, n := range names {
		k, ok := keys[n]
		if !ok {
			k = tea.KeyPressMsg{Code: rune(n[0]), Text: n}
		}
		msgs = append(msgs, k)
	}
	return msgs
}

func TestDashboardUpdate(t *testing.T) {
	stopping := healthyPipeline()
	stopping.Stages[0].State, stopping.Stages[1].State = tui.Stopped, tui.Stopping
	failed := healthyPipeline()
	failed.Stages[2].State = tui.Failed
	later := healthyPipeline()
	later.Log, later.Logged = append(later.Log[1:], tui.LogLine{Time: "12:00:40", Text: "one more"}), 141
	crowded := healthyPipeline()
	crowded.Servers = append(crowded.Servers, crowded.Servers...)
	crowded.Servers[11].Name = "sub12"
	log := []string{"shift+tab", "enter"}
	withFact := func(f tui.Fact) tui.PipelineSnapshot {
		p := healthyPipeline()
		p.Facts = []tui.Fact{f}
		return p
	}
	for name, test := range map[string]struct {
		msgs      []tea.Msg
		stops     int // how often the pipeline was asked to stop
		quits     bool
		abandoned bool
		shows     []string
		hides     []string
	}{
		"nothing yet":             {shows: []string{"nobody has tapped yet", "nothing to report", "q/^C stop"}},
		"all is well":             {msgs: []tea.Msg{healthyPipeline()}, shows: []string{"running  up 3h4m5s", "2,468 in main", "2 more active │", "28,500 clients", "1,234/s", "▸ Stages", "generation=40"}},
		"a stage is not ready":    {msgs: []tea.Msg{troubledPipeline()}, shows: []string{"serve not ready", "1,234k", "silent for 7s", "draining", "not heard of yet", "WARN  waiting for kafka"}},
		"a stage has failed":      {msgs: []tea.Msg{failed}, shows: []string{"publish failed"}},
		"q":                       {msgs: append([]tea.Msg{healthyPipeline()}, keyPresses("q")...), stops: 1, shows: []string{"stopping serve", "leave at once"}},
		"ctrl+c":                  {msgs: keyPresses("ctrl+c"), stops: 1},
		"it stops":                {msgs: append(keyPresses("q"), stopping), stops: 1, shows: []string{"stopping aggregate", "stopped"}},
		"q twice":                 {msgs: keyPresses("q", "q"), stops: 1, quits: true, abandoned: true},
		"stopped from elsewhere":  {msgs: []tea.Msg{healthyPipeline(), tui.StopRequested{}}, shows: []string{"stopping serve"}},
		"the end":                 {msgs: []tea.Msg{tui.Ended{}}, quits: true},
		"a key that does nothing": {msgs: append([]tea.Msg{healthyPipeline()}, keyPresses("x")...), shows: []string{"running"}},
		"help":                    {msgs: append([]tea.Msg{healthyPipeline()}, keyPresses("?")...), shows: []string{"─ Keys", "shift+tab", "previous panel", "scroll"}, hides: []string{"─ Log"}},
		"help, and a key":         {msgs: append([]tea.Msg{healthyPipeline()}, keyPresses("?", "tab")...), shows: []string{"▸ Stages"}, hides: []string{"─ Keys"}},
		"stop in the help":        {msgs: keyPresses("?", "q"), stops: 1},
		"tab":                     {msgs: append([]tea.Msg{healthyPipeline()}, keyPresses("tab")...), shows: []string{"▸ Window until 08:00:02 UTC"}},
		"right and left":          {msgs: append([]tea.Msg{healthyPipeline()}, keyPresses("right", "right", "left", "left", "left")...), shows: []string{"▸ Log"}},
		"round":                   {msgs: append([]tea.Msg{healthyPipeline()}, keyPresses("tab", "tab", "tab", "tab", "tab")...), shows: []string{"▸ Stages"}},
		"enter":                   {msgs: append([]tea.Msg{healthyPipeline()}, keyPresses("enter")...), shows: []string{"▸ Stages", "ack 2.1ms"}, hides: []string{"─ Log"}},
		"enter, and back":         {msgs: append([]tea.Msg{healthyPipeline()}, keyPresses("enter", "esc")...), shows: []string{"─ Log"}},
		"esc":                     {msgs: append([]tea.Msg{healthyPipeline()}, keyPresses("esc")...), shows: []string{"─ Log"}},
		"without the log":         {msgs: append([]tea.Msg{healthyPipeline()}, keyPresses("l")...), hides: []string{"─ Log"}, shows: []string{"▸ Stages"}},
		"the log again":           {msgs: append([]tea.Msg{healthyPipeline()}, keyPresses("l", "l")...), shows: []string{"─ Log"}},
		"without what had focus":  {msgs: append([]tea.Msg{healthyPipeline()}, keyPresses("shift+tab", "l")...), shows: []string{"▸ Stages"}, hides: []string{"─ Log"}},
		"round without the log":   {msgs: append([]tea.Msg{healthyPipeline()}, keyPresses("l", "shift+tab")...), shows: []string{"▸ Addresses"}},
		"the log scrolls":         {msgs: append([]tea.Msg{healthyPipeline()}, keyPresses(append(log, "up", "k")...)...), shows: []string{"▸ Log: 2 newer lines", "generation=38"}, hides: []string{"generation=39"}},
		"the log stays there":     {msgs: append(append([]tea.Msg{healthyPipeline()}, keyPresses(append(log, "up", "up")...)...), later), shows: []string{"3 newer lines", "generation=38"}, hides: []string{"generation=39", "one more"}},
		"the log's end again":     {msgs: append(append([]tea.Msg{healthyPipeline()}, keyPresses(append(log, "up", "up", "pgdown")...)...), later), shows: []string{"▸ Log ─", "one more"}},
		"the log's beginning":     {msgs: append([]tea.Msg{healthyPipeline()}, keyPresses(append(log, "pgup", "pgup", "pgup", "pgup", "pgup")...)...), shows: []string{"generation=1 "}},
		"a command is not cut":    {msgs: []tea.Msg{withFact(tui.Fact{Name: "try", Value: "emostream send :fire: --server http://127.0.0.1:40001"})}, shows: []string{"try      emostream send :fire:  ", "         --server  ", "         http://127.0.0.1:40001  "}},
		"a long word is shown":    {msgs: []tea.Msg{withFact(tui.Fact{Name: "folder", Value: "/var/lib/a-folder-that-has-a-very-long/name-indeed"})}, shows: []string{"folder   /var/lib/a-folder-that-has- ", "         a-very-long/name-indeed  "}},
		"servers scroll":          {msgs: append([]tea.Msg{crowded}, keyPresses("tab", "tab", "pgdown")...), shows: []string{"sub12"}},
		"servers scroll back":     {msgs: append([]tea.Msg{crowded}, keyPresses("tab", "tab", "pgdown", "pgup")...), hides: []string{"sub12"}},
		"others do not":           {msgs: append([]tea.Msg{healthyPipeline()}, keyPresses("down", "up")...), shows: []string{"▸ Stages"}},
	} {
		t.Run(name, func(t *testing.T) {
			stops, quits := 0, false
			var m tea.Model = tui.NewDashboard(draw.Appearance{}, func() { stops++ })
			for _, msg := range test.msgs {
				var cmd tea.Cmd
				if m, cmd = m.Update(msg); cmd != nil {
					_, quits = cmd().(tea.QuitMsg)
				}
			}
			if d := m.(tui.Dashboard); stops != test.stops || quits != test.quits || d.Abandoned() != test.abandoned {
				t.Errorf("stopped %d times, quits %t, abandoned %t", stops, quits, d.Abandoned())
			}
			view := ansi.Strip(m.(tui.Dashboard).View().Content)
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

// Every key that does something is in the help.
func TestDashboardHelp(t *testing.T) {
	view := ansi.Strip(dashboardAfter(t, draw.Appearance{}, append([]tea.Msg{healthyPipeline()}, keyPresses("?")...)...).View().Content)
	for _, key := range []string{"q/^C", "?", "tab", "shift+tab", "↑/↓", "enter", "l "} {
		if !strings.Contains(view, "│ "+key) {
			t.Errorf("%s is not in the help:\n%s", key, view)
		}
	}
}
