package draw_test

import (
	"math"
	"strings"
	"testing"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/emostream/emostream/tui/draw"
)

func TestSparkline(t *testing.T) {
	for name, test := range map[string]struct {
		values        []float64
		width, height int
		top           float64
		want          []string
	}{
		"rising":           {[]float64{0, 1, 2, 3, 4, 5, 6, 7, 8}, 9, 1, 0, []string{" ▁▂▃▄▅▆▇█"}},
		"newest at right":  {[]float64{8, 4}, 4, 1, 0, []string{"  █▄"}},
		"older ones go":    {[]float64{1, 8, 4}, 2, 1, 0, []string{"█▄"}},
		"two rows":         {[]float64{2, 8, 16, 12}, 4, 2, 0, []string{"  █▄", "▂███"}},
		"a top of its own": {[]float64{4, 8, 16}, 3, 1, 8, []string{"▄██"}},
		"little is seen":   {[]float64{1, 1e9}, 2, 1, 0, []string{"▁█"}},
		"only zeros":       {[]float64{0, 0}, 3, 1, 0, []string{"   "}},
		"no values":        {nil, 3, 2, 0, []string{"   ", "   "}},
		"no numbers":       {[]float64{math.NaN(), -1, 8}, 3, 1, 0, []string{"  █"}},
		"no width":         {[]float64{1}, 0, 1, 0, nil},
		"no height":        {[]float64{1}, 1, 0, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := draw.Sparkline(test.values, test.width, test.height, test.top)
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestBar(t *testing.T) {
	plain := lipgloss.NewStyle()
	for name, test := range map[string]struct {
		share float64
		width int
		want  string
	}{
		"empty":     {0, 4, "░░░░"},
		"half":      {0.5, 4, "██░░"},
		"an eighth": {1.0 / 32, 4, "▏░░░"},
		"a trace":   {1e-9, 4, "▏░░░"},
		"nearly":    {0.97, 4, "███▉"},
		"full":      {1, 4, "████"},
		"more":      {7, 4, "████"},
		"below":     {-1, 4, "░░░░"},
		"no number": {math.NaN(), 4, "░░░░"},
		"no width":  {1, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := draw.Bar(test.share, test.width, plain, plain); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if got, want := draw.TracklessBar(test.share, test.width, plain), strings.ReplaceAll(test.want, "░", " "); got != want {
				t.Errorf("as a column it is %q, want %q", got, want)
			}
		})
	}
}

func TestFrame(t *testing.T) {
	for name, test := range map[string]struct {
		title         string
		lines         []string
		width, height int
		want          string
	}{
		"fits":           {"Rate", []string{"1,000/s"}, 14, 3, "╭─ Rate ─────╮\n│ 1,000/s    │\n╰────────────╯"},
		"too much":       {"A long title", []string{"a long line", "lost"}, 12, 3, "╭─ A lon… ─╮\n│ a long … │\n╰──────────╯"},
		"no title":       {"", []string{"x"}, 6, 3, "╭────╮\n│ x  │\n╰────╯"},
		"no line":        {"x", nil, 8, 2, "╭─ x ──╮\n╰──────╯"},
		"no room across": {"x", []string{"y"}, 3, 2, "   \n   "},
		"no room down":   {"x", []string{"y"}, 5, 1, "     "},
		"narrow":         {"title", []string{"y"}, 6, 3, "╭────╮\n│ y  │\n╰────╯"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ansi.Strip(strings.Join(draw.Frame(test.title, test.lines, test.width, test.height, draw.NewTheme(true)), "\n"))
			if got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}
