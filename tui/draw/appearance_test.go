package draw_test

import (
	"fmt"
	"image/color"
	"math"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/tui/draw"
)

// The styles follow the theme that the user set and the terminal's reports.
func TestAppearance(t *testing.T) {
	var (
		white   = tea.BackgroundColorMsg{Color: color.White}
		black   = tea.BackgroundColorMsg{Color: color.Black}
		sixteen = tea.ColorProfileMsg{Profile: colorprofile.ANSI}
		unicode = func(v ansi.ModeSetting) tea.Msg {
			return tea.ModeReportMsg{Mode: ansi.ModeUnicodeCore, Value: v}
		}
	)
	for name, test := range map[string]struct {
		theme string
		msgs  []tea.Msg
		width draw.WidthMethod
		good  string // the colour of Theme.Good
	}{
		"nothing is known":           {good: "#35b998"},
		"a dark terminal":            {msgs: []tea.Msg{black}, good: "#35b998"},
		"a light one":                {msgs: []tea.Msg{white}, good: "#0f7d64"},
		"auto":                       {theme: "auto", msgs: []tea.Msg{white}, good: "#0f7d64"},
		"dark on a light one":        {theme: "dark", msgs: []tea.Msg{white}, good: "#35b998"},
		"light on a dark one":        {theme: "light", msgs: []tea.Msg{black}, good: "#0f7d64"},
		"contrast":                   {theme: "contrast", good: "#5cf0c4"},
		"contrast on a light one":    {theme: "contrast", msgs: []tea.Msg{white}, good: "#005540"},
		"16 colours":                 {msgs: []tea.Msg{sixteen}, good: "10"},
		"16 colours on a light one":  {msgs: []tea.Msg{sixteen, white}, good: "2"},
		"none":                       {theme: "none", msgs: []tea.Msg{sixteen, white}},
		"mode 2027 can be set":       {msgs: []tea.Msg{unicode(ansi.ModeReset)}, width: draw.WidthByGrapheme, good: "#35b998"},
		"mode 2027 is always set":    {msgs: []tea.Msg{unicode(ansi.ModePermanentlySet)}, width: draw.WidthByGrapheme, good: "#35b998"},
		"mode 2027 can never be set": {msgs: []tea.Msg{unicode(ansi.ModePermanentlyReset)}, good: "#35b998"},
		"mode 2027 is not known":     {msgs: []tea.Msg{unicode(ansi.ModeNotRecognized)}, good: "#35b998"},
		"another mode":               {msgs: []tea.Msg{tea.ModeReportMsg{Mode: ansi.ModeSynchronizedOutput, Value: ansi.ModeReset}}, good: "#35b998"},
		"a message of another kind":  {msgs: []tea.Msg{tea.WindowSizeMsg{Width: 1, Height: 1}}, good: "#35b998"},
		"256 colours":                {msgs: []tea.Msg{tea.ColorProfileMsg{Profile: colorprofile.ANSI256}}, good: "#35b998"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := draw.CheckTheme(test.theme); err != nil {
				t.Error(err)
			}
			appearance := draw.Appearance{Theme: test.theme}
			for _, msg := range test.msgs {
				appearance = appearance.Update(msg)
			}
			if appearance.WidthMethod != test.width {
				t.Errorf("width method %d, want %d", appearance.WidthMethod, test.width)
			}
			want := lipgloss.NewStyle()
			if test.good != "" {
				want = want.Foreground(lipgloss.Color(test.good))
			}
			if got := appearance.Styles().Good; got.Render("x") != want.Render("x") {
				t.Errorf("got %q, want %q", got.Render("x"), want.Render("x"))
			}
		})
	}
}

func TestCheckTheme(t *testing.T) {
	err := draw.CheckTheme("solarized")
	if err == nil || err.Error() != `"solarized": use auto, dark, light, contrast or none` {
		t.Errorf("got %v", err)
	}
}

// Text has a contrast (as WCAG 2 defines it) of at least 4.5 to the background of its
// theme, and of at least 7 in the theme called contrast. This holds with any number of
// colours. With 16 colours the terminal decides the shades, so there the test only
// forbids black and white.
func TestContrast(t *testing.T) {
	for _, theme := range []string{"auto", "contrast"} {
		for name, background := range map[string]color.Color{"dark": color.Black, "light": color.White} {
			for _, profile := range []colorprofile.Profile{colorprofile.TrueColor, colorprofile.ANSI256, colorprofile.ANSI} {
				t.Run(fmt.Sprint(theme, " ", name, " ", profile), func(t *testing.T) {
					l := draw.Appearance{Theme: theme}.Update(tea.BackgroundColorMsg{Color: background}).Update(tea.ColorProfileMsg{Profile: profile})
					s := l.Styles()
					for part, style := range map[string]lipgloss.Style{"muted": s.Muted, "good": s.Good, "warn": s.Warn, "bad": s.Bad, "main": s.Main, "second": s.Second} {
						if ink := style.GetForeground(); ink != (lipgloss.NoColor{}) {
							readable(t, part, profile.Convert(ink), background, map[string]float64{"auto": 4.5, "contrast": 7}[theme])
						}
					}
				})
			}
		}
	}
}

func readable(t *testing.T, part string, ink, background color.Color, least float64) {
	t.Helper()
	switch ink := ink.(type) {
	case ansi.BasicColor:
		if ink == lipgloss.Black || ink == lipgloss.BrightWhite {
			t.Errorf("%s is %v", part, ink)
		}
	default:
		x, y := luminance(ink), luminance(background)
		if c := (max(x, y) + 0.05) / (min(x, y) + 0.05); c < least {
			t.Errorf("%s has a contrast of %.1f", part, c)
		}
	}
}

// luminance returns WCAG's relative luminance of a colour.
func luminance(c color.Color) float64 {
	r, g, b, _ := c.RGBA()
	linear := func(v uint32) float64 {
		if x := float64(v) / 0xffff; x > 0.04045 {
			return math.Pow((x+0.055)/1.055, 2.4)
		}
		return float64(v) / 0xffff / 12.92
	}
	return 0.2126*linear(r) + 0.7152*linear(g) + 0.0722*linear(b)
}

// ForTerminal keeps the size and the content of a screen.
func TestForTerminal(t *testing.T) {
	ascii := draw.Appearance{ASCII: true}.Styles()
	lines := draw.Frame("Rate of a long name", []string{"p99 ≤ 3 µs → 4…", draw.Sparkline([]float64{1, 2, 3, 4, 5, 6, 7, 8}, 8, 1, 0)[0], draw.Bar(0.55, 10, ascii.Main, ascii.Track), "日本 é 🔥"}, 18, 6, ascii)
	drawn := strings.Join(lines, "\n")
	want := strings.Join([]string{
		"+- Rate of a l. -+",
		"| p99 < 3 us > . |",
		"| .:-=+*%#       |",
		"| ######....     |",
		"| ???? ? ??      |",
		"+----------------+",
	}, "\n")
	if diff := cmp.Diff(want, ansi.Strip(ascii.ForTerminal(drawn))); diff != "" {
		t.Error(diff)
	}
	if plain := (draw.Appearance{}).Styles(); plain.ForTerminal(drawn) != drawn {
		t.Error("it is spelled in ASCII where that was not asked for")
	}
}
