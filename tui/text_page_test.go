package tui_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/emostream/emostream/tui"
	"github.com/emostream/emostream/tui/draw"
)

// A page is exactly as large as the terminal, whatever its lines are. q, esc and ctrl+c
// ask the work to end; the page closes when the work has ended.
func TestTextPage(t *testing.T) {
	stopped := 0
	var m tea.Model = tui.NewTextPage("a title \x1b[2J", draw.Appearance{}, func() { stopped++ })
	m, _ = m.Update(tui.TextLines(func(width, height int) []string {
		return strings.Split(strings.Repeat(fmt.Sprintf("%d by %d %s\n", width, height, strings.Repeat("x", 200)), 200), "\n")
	}))
	for _, size := range []tea.WindowSizeMsg{{Width: 80, Height: 24}, {Width: 20, Height: 3}, {Width: 1, Height: 1}} {
		m, _ = m.Update(size)
		lines := strings.Split(m.View().Content, "\n")
		if len(lines) != size.Height {
			t.Errorf("%d lines on a terminal of %d", len(lines), size.Height)
		}
		for _, l := range lines {
			if w := ansi.StringWidth(l); w != size.Width {
				t.Errorf("%d columns on a terminal of %d: %q", w, size.Width, l)
			}
		}
		if size.Height > 2 && !strings.HasPrefix(ansi.Strip(lines[1]), fmt.Sprintf("%d by %d ", size.Width, size.Height-2)) {
			t.Errorf("the lines begin with %q", lines[1])
		}
	}
	for _, key := range []tea.KeyPressMsg{{Code: 'q', Text: "q"}, {Code: tea.KeyEscape}, {Code: 'c', Mod: tea.ModCtrl}, {Code: 'x', Text: "x"}} {
		m, _ = m.Update(key)
	}
	if stopped != 3 {
		t.Errorf("it was stopped %d times, want 3", stopped)
	}
	if _, cmd := m.Update(tui.Ended{}); cmd == nil || cmd() != tea.Quit() {
		t.Error("it stays when what it shows has ended")
	}
}

func TestShowTextPage(t *testing.T) {
	s := new(fakeTerminal)
	drawn := untilDrawn(s)
	page := func() tui.TextLines { return func(int, int) []string { return []string{"all is well"} } }
	if err := tui.ShowTextPage(t.Context(), "x", s.terminal(), page, func(ctx context.Context) { drawn(ctx) }); err != nil {
		t.Error(err)
	}
	checkRestored(t, s)
}
