package draw

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Spell is a screen as it is sent to the terminal: with ASCII set, each character
// that is not is replaced by one as wide that looks like it.
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

// likeness is what a drawn character is in ASCII, and 0 for one that is not drawn
// here.
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
