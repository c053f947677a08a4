package tui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/emostream/emostream/tui/draw"
)

// The least size of a terminal.
const (
	minWidth  = 40
	minHeight = 12
)

// The least size for a screen with frames. A smaller terminal gets plain lines.
const (
	framedWidth  = 72
	framedHeight = 20
)

// tooSmall draws the notice that the terminal is too small.
func tooSmall(width, height int, t draw.Theme) string {
	notice := fmt.Sprintf("This needs %dx%d; the terminal has %dx%d.", minWidth, minHeight, width, height)
	return strings.Join(draw.Block(strings.Split(ansi.Wordwrap(t.Warn.Render(notice), max(1, width), ""), "\n"), width, height), "\n")
}
