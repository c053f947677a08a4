package tui_test

import (
	"errors"
	"fmt"
	"image/color"
	"io"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/tui"
	"github.com/emostream/emostream/tui/draw"
)

// crowdSizes are the sizes of the screens in the golden files.
var crowdSizes = []tea.WindowSizeMsg{{Width: 40, Height: 12}, {Width: 80, Height: 24}, {Width: 120, Height: 40}}

// awkward are emojis that terminals disagree about.
var disputedEmojis = []wire.EmojiCount{emojiCount("🔥", 3481), emojiCount("❤️", 2210), emojiCount("👍🏽", 1870), emojiCount("🇩🇪", 1400), emojiCount("1️⃣", 720), emojiCount("👩‍🚀", 311), emojiCount("🎉", 64), emojiCount("💯", 9), emojiCount("😢", 2), emojiCount("🚀", 1)}

// busy is a room in the middle of things.
func busyMoment(r *crowdSession) {
	r.status = client.Status{
		Clock:   client.ClockReading{Asked: r.now, Answered: r.now, Server: r.now, Within: time.Millisecond},
		Servers: []client.ServerStatus{{Alive: true, ServerStatus: wire.ServerStatus{Name: "sub1", Clients: 42}}},
	}
	r.live("sub1")
	for n := 1; n < 9; n++ {
		some := append([]wire.EmojiCount(nil), disputedEmojis...)
		for i := range some {
			some[i].Count = some[i].Count*int64(3+(n*7+i)%9)/9 + 1
		}
		r.windows(n, n, some...)
	}
	for range 12 {
		r.press("1", "4")
	}
	r.windows(9, 9, disputedEmojis...)
	r.pass(450 * time.Millisecond)
}

// exact checks that a view is exactly as large as the screen.
func checkExactSize(t *testing.T, view string, size tea.WindowSizeMsg, width func(string) int) {
	t.Helper()
	lines := strings.Split(view, "\n")
	if len(lines) != size.Height {
		t.Errorf("%d lines for a height of %d", len(lines), size.Height)
	}
	for _, l := range lines {
		if got := width(l); got != size.Width {
			t.Errorf("a line is %d wide, want %d: %q", got, size.Width, l)
		}
	}
}

// The same moment on every kind of terminal. Dark and light are kept with their
// colours.
func TestCrowdView(t *testing.T) {
	for name, test := range map[string]struct {
		appearance draw.Appearance
		width      func(string) int
		colours    bool
	}{
		"dark":     {draw.Appearance{Theme: "dark"}, ansi.StringWidthWc, true},
		"light":    {draw.Appearance{Theme: "light"}, ansi.StringWidthWc, true},
		"grapheme": {draw.Appearance{WidthMethod: draw.WidthByGrapheme}, ansi.StringWidth, false},
		"ascii":    {draw.Appearance{ASCII: true, Theme: "none"}, func(s string) int { return len(s) }, false},
	} {
		for _, size := range crowdSizes {
			t.Run(fmt.Sprintf("%s %dx%d", name, size.Width, size.Height), func(t *testing.T) {
				withCrowd(t, tui.CrowdConfig{Appearance: test.appearance}, size.Width, size.Height, func(r *crowdSession) {
					busyMoment(r)
					checkExactSize(t, r.view(), size, test.width)
					view := r.view()
					if test.colours {
						view = strings.ReplaceAll(r.crowd.View().Content, "\x1b[", "␛")
					}
					golden.RequireEqual(t, strings.ReplaceAll(view, " \n", " |\n"))
				})
			})
		}
	}
}

// Other moments.
func TestCrowdMoments(t *testing.T) {
	for name, do := range map[string]func(*crowdSession){
		"begin": func(r *crowdSession) { r.link(sse.Connecting, "", 0, nil) },
		"lost": func(r *crowdSession) {
			busyMoment(r)
			r.link(sse.Reconnecting, "sub1", 3*time.Second, io.ErrUnexpectedEOF)
		},
		"refused": func(r *crowdSession) {
			r.link(sse.Reconnecting, "", 5*time.Second, &sse.RefusedError{Status: 503, Code: "full", Message: "all subscriber servers have reached their capacity: try again later"})
		},
		"instruments": func(r *crowdSession) { busyMoment(r); r.press("i") },
		"help":        func(r *crowdSession) { busyMoment(r); r.press("?") },
		"burst":       func(r *crowdSession) { busyMoment(r); r.press("b", "7") },
		"wrong burst": func(r *crowdSession) { busyMoment(r); r.press("b", "0") },
		"finder":      func(r *crowdSession) { busyMoment(r); r.press("/", "h", "e", "a", "r", "t", "down", "down") },
		"nothing":     func(r *crowdSession) { busyMoment(r); r.press("/", "x", "y", "z") },
	} {
		for _, size := range crowdSizes {
			t.Run(fmt.Sprintf("%s %dx%d", name, size.Width, size.Height), func(t *testing.T) {
				withCrowd(t, tui.CrowdConfig{}, size.Width, size.Height, func(r *crowdSession) {
					do(r)
					checkExactSize(t, r.view(), size, ansi.StringWidthWc)
					golden.RequireEqual(t, strings.ReplaceAll(r.view(), " \n", " |\n"))
				})
			})
		}
	}
}

// No size makes the view larger than the terminal, or fail; below the least one it
// says so.
func TestCrowdAtAnySize(t *testing.T) {
	for name, keys := range map[string]string{"field": "", "instruments": "i", "help": "?", "burst": "b", "finder": "/"} {
		t.Run(name, func(t *testing.T) {
			withCrowd(t, tui.CrowdConfig{}, 80, 24, func(r *crowdSession) {
				busyMoment(r)
				r.press(strings.Fields(keys)...)
				for w := 1; w < 130; w += 7 {
					for h := 1; h < 45; h += 3 {
						size := tea.WindowSizeMsg{Width: w, Height: h}
						r.tell(size, tui.Tick{At: r.now})
						view := r.view()
						checkExactSize(t, view, size, ansi.StringWidth)
						if small := w < 40 || h < 12; small != strings.HasPrefix(view, "this te"[:min(w, 7)]) && w > 1 {
							t.Errorf("%dx%d: %s", w, h, view)
						}
					}
				}
			})
		})
	}
}

// Whatever a server says, no control character reaches the terminal but those of
// the view's own colours, and every line has its width.
func TestCrowdIsTame(t *testing.T) {
	const evil = "\x1b]0;owned\a\x1b[2J\r\n\t\x9b31m\u202e\u0000🔥"
	hostile := func(r *crowdSession) {
		r.answer = func([]client.Reaction) ([]client.Result, error) {
			return nil, &client.RefusalError{Status: 422, Code: evil, Message: evil}
		}
		r.status.Servers = []client.ServerStatus{{Alive: true, ServerStatus: wire.ServerStatus{Name: evil, Clients: -5, State: wire.StateDraining}}}
		r.link(sse.Live, evil, 0, nil)
		r.windows(1, 2, emojiCount(evil, 5), emojiCount("", 3), wire.EmojiCount{Emoji: "🔥", Count: -7, Scaled: -1e300}, emojiCount(strings.Repeat("x", 5000), 1))
		r.press("1", "i")
	}
	for name, do := range map[string]func(*crowdSession){
		"live": hostile,
		"refused": func(r *crowdSession) {
			hostile(r)
			r.link(sse.Reconnecting, evil, 0, &sse.RefusedError{Status: 503, Message: evil})
		},
		"draining": func(r *crowdSession) { hostile(r); r.link(sse.Reconnecting, evil, 0, io.EOF) },
		"lost":     func(r *crowdSession) { hostile(r); r.link(sse.Reconnecting, evil, 0, errors.New(evil)) },
		"pasted":   func(r *crowdSession) { hostile(r); r.press("/"); r.tell(tea.PasteMsg{Content: evil}) },
		"the same window twice, of another length": func(r *crowdSession) {
			hostile(r)
			r.tell(tui.StreamEvents{Swarms: []wire.Swarm{{Window: wire.Window{Start: 0, End: noon.UnixMilli() + 4001}, Total: 1 << 62}, {Window: wire.Window{Start: noon.UnixMilli(), End: noon.UnixMilli() + 1}, Total: 1}}})
			r.pass(time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range crowdSizes {
				withCrowd(t, tui.CrowdConfig{Channel: "b"}, size.Width, size.Height, func(r *crowdSession) {
					do(r)
					checkExactSize(t, r.view(), size, ansi.StringWidth)
					checkExactSize(t, r.view(), size, ansi.StringWidthWc)
					for _, c := range strings.ReplaceAll(r.view(), "\n", "") {
						if c < ' ' || c >= 0x7f && c < 0xa0 || c >= 0x202a && c <= 0x202e {
							t.Fatalf("the view has %U", c)
						}
					}
					if v := r.crowd.View(); strings.Contains(v.Content, "\x1b]") || strings.Contains(v.Content, "\x1b[2J") || strings.ContainsAny(v.WindowTitle, "\x1b\a") {
						t.Errorf("an escape sequence of the server's is drawn")
					}
				})
			}
		})
	}
}

// The look follows the terminal, and says the same in every theme.
func TestCrowdLook(t *testing.T) {
	withCrowd(t, tui.CrowdConfig{}, 80, 24, func(r *crowdSession) {
		busyMoment(r)
		r.tell(tea.BackgroundColorMsg{Color: color.Black})
		dark := r.crowd.View()
		r.tell(tea.BackgroundColorMsg{Color: color.White})
		light := r.crowd.View()
		if dark.Content == light.Content || ansi.Strip(dark.Content) != ansi.Strip(light.Content) {
			t.Error("dark and light look the same, or say different things")
		}
		if !light.AltScreen {
			t.Error("the view is drawn over what the terminal shows")
		}
		if before := r.view(); strings.Contains(before, "👍🏽") {
			t.Errorf("a skin tone is drawn before it is known to be one picture:\n%s", before)
		}
		r.tell(tea.ModeReportMsg{Mode: ansi.ModeUnicodeCore, Value: ansi.ModeReset})
		if after := r.view(); !strings.Contains(after, "👩‍🚀") {
			t.Errorf("a terminal with mode 2027 is not shown the whole picture:\n%s", after)
		}
	})
}

// In ASCII every view is ASCII.
func TestCrowdASCII(t *testing.T) {
	withCrowd(t, tui.CrowdConfig{Appearance: draw.Appearance{ASCII: true}}, 120, 40, func(r *crowdSession) {
		busyMoment(r)
		for _, keys := range []string{"", "i", "?", "x b", "esc / h e a r t", "esc"} {
			r.press(strings.Fields(keys)...)
			for _, c := range r.view() {
				if c >= 0x80 {
					t.Fatalf("after %q the view has %q", keys, c)
				}
			}
		}
	})
}

func TestFind(t *testing.T) {
	for query, want := range map[string]string{
		"fire":        "🔥 ❤️‍🔥 🧑‍🚒", // the emoji, then what begins with it, then what has it
		":fire:":      "🔥",
		"🔥":           "🔥",
		"❤":           "❤️",
		"Party Pop":   "🎉",
		"tada":        "🎉",
		"satisfied":   "😆", // a second shortcode
		"flag german": "🇩🇪",
		"keycap 1":    "1️⃣",
		"qqqq":        "",
		"waving skin": "👋🏻 👋🏼 👋🏽",
	} {
		var got []string
		for _, e := range tui.Find(query, 50) {
			got = append(got, string(e))
		}
		if all := strings.Join(got, " "); !strings.HasPrefix(all, strings.Split(want, " ")[0]) || want == "" && all != "" {
			t.Errorf("%q finds %s, want %s", query, all, want)
		}
		for e := range strings.FieldsSeq(want) {
			if !strings.Contains(strings.Join(got, " "), e) {
				t.Errorf("%q does not find %s but %v", query, e, got)
			}
		}
	}
	if n := len(tui.Find("", 7)); n != 7 {
		t.Errorf("nothing finds %d, want the 7 that were asked for", n)
	}
	for e := range emoji.All() {
		if found := tui.Find(string(e), 1); len(found) != 1 || found[0] != e {
			t.Fatalf("%s finds %v", e, found)
		}
	}
}
