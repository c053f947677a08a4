package draw

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// ForTerminal returns a screen in the form that is sent to the terminal. With ASCII
// set, it replaces each character beyond ASCII by similar ASCII characters of the same
// width.
func (t Theme) ForTerminal(screen string) string {
	if !t.ASCII {
		return screen
	}
	var b strings.Builder
	b.Grow(len(screen))
	for _, r := range screen {
		switch {
		case r < 0x80:
			b.WriteRune(r)
		case asciiLike(r) != 0:
			b.WriteByte(asciiLike(r))
		default:
			b.WriteString(strings.Repeat("?", ansi.StringWidthWc(string(r))))
		}
	}
	return b.String()
}

// asciiLike returns the ASCII character that looks most like r, if r is a character
// that components draw, and else 0.
func asciiLike(r rune) byte {
	const blocks, ramp = "▁▂▃▄▅▆▇█", ".:-=+*%#"
	switch r {
	case '─', '•':
		return '-'
	case '│', '▏':
		return '|'
	case '╭', '╮', '╰', '╯', '├', '┤', '┬', '┴', '┼':
		return '+'
	case '░', '…', '·':
		return '.'
	case '▎', '▍':
		return '='
	case '▌', '▋', '▊', '▉':
		return '#'
	case '▸', '→':
		return '>'
	case '←', '≤':
		return '<'
	case '↑', '▴':
		return '^'
	case '↓', '▾':
		return 'v'
	case '●', '✓':
		return '*'
	case '○':
		return 'o'
	case '✗', '×':
		return 'x'
	case 'µ':
		return 'u'
	}
	if i := strings.IndexRune(blocks, r); i >= 0 {
		return ramp[i/len("▁")]
	}
	return 0
}
