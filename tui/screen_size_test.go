package tui_test

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// checkSize checks that a view is exactly as large as the terminal, with each of the
// functions that count columns.
func checkSize(t *testing.T, view string, size tea.WindowSizeMsg, widths ...func(string) int) {
	t.Helper()
	lines := strings.Split(view, "\n")
	if len(lines) != size.Height {
		t.Errorf("%d lines for a height of %d", len(lines), size.Height)
	}
	for _, l := range lines {
		for _, width := range widths {
			if got := width(l); got != size.Width {
				t.Errorf("a line is %d columns wide, want %d: %q", got, size.Width, l)
			}
		}
	}
}
