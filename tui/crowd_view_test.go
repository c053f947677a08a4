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
	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/tui"
	"github.com/emostream/emostream/tui/draw"
)

// crowdSizes are the sizes of the screens in the golden files.
var crowdSizes = []tea.WindowSizeMsg{{Width: 40, Height: 12}, {Width: 80, Height: 24}, {Width: 120, Height: 40}}

// disputedEmojis are emojis on whose width terminals disagree.
var disputedEmojis = []wire.EmojiCount{emojiCount("🔥", 3481), emojiCount("❤️", 2210), emojiCount("👍🏽", 1870), emojiCount("🇩🇪", 1400), emojiCount("1️⃣", 720), emojiCount("👩‍🚀", 311), emojiCount("🎉", 64), emojiCount("💯", 9), emojiCount("😢", 2), emojiCount("🚀", 1)}

// busyMoment brings a session to a moment with many windows and taps.
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

// The golden files show one moment on every kind of terminal. Those of the dark and the
// light theme include colours.
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
					checkSize(t, r.view(), size, test.width)
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

// The golden files show further moments.
func TestCrowdMoments(t *testing.T) {
	for name, do := range map[string]func(*crowdSession){
		"begin": func(r *crowdSession) { r.setConnection(sse.Connecting, "", 0, nil) },
		"lost": func(r *crowdSession) {
			busyMoment(r)
			r.setConnection(sse.Reconnecting, "sub1", 3*time.Second, io.ErrUnexpectedEOF)
		},
		"refused": func(r *crowdSession) {
			r.setConnection(sse.Reconnecting, "", 5*time.Second, &sse.RefusedError{Status: 503, Code: "full", Message: "all subscriber servers have reached their capacity: try again later"})
		},
		"instruments": func(r *crowdSession) { busyMoment(r); r.press("i") },
		"paused": func(r *crowdSession) {
			busyMoment(r)
			r.send(tui.StreamEvents{Channel: &wire.ChannelState{State: "paused", Until: "2026-11-23T12:15:00.000Z", Reason: "the second half begins soon, get yourself a drink"}})
		},
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
					checkSize(t, r.view(), size, ansi.StringWidthWc)
					golden.RequireEqual(t, strings.ReplaceAll(r.view(), " \n", " |\n"))
				})
			})
		}
	}
}

// At every size the view is exactly as large as the terminal. Below the least size it
// says that the terminal is too small.
func TestCrowdAtAnySize(t *testing.T) {
	for name, keys := range map[string]string{"field": "", "instruments": "i", "help": "?", "burst": "b", "finder": "/"} {
		t.Run(name, func(t *testing.T) {
			withCrowd(t, tui.CrowdConfig{}, 80, 24, func(r *crowdSession) {
				busyMoment(r)
				r.press(strings.Fields(keys)...)
				for w := 1; w < 130; w += 7 {
					for h := 1; h < 45; h += 3 {
						size := tea.WindowSizeMsg{Width: w, Height: h}
						r.send(size, tui.Tick{At: r.now})
						view := r.view()
						checkSize(t, view, size, ansi.StringWidth)
						if small := w < 40 || h < 12; small != strings.HasPrefix(view, "this te"[:min(w, 7)]) && w > 1 {
							t.Errorf("%dx%d: %s", w, h, view)
						}
					}
				}
			})
		})
	}
}

// Hostile text of a server brings no control characters to the terminal and does not
// change the width of lines.
func TestCrowdCleansHostileText(t *testing.T) {
	const evil = "\x1b]0;owned\a\x1b[2J\r\n\t\x9b31m\u202e\u0000🔥"
	hostile := func(r *crowdSession) {
		r.answer = func([]client.Reaction) ([]client.Result, error) {
			return nil, &client.RefusalError{Status: 422, Code: evil, Message: evil}
		}
		r.status.Servers = []client.ServerStatus{{Alive: true, ServerStatus: wire.ServerStatus{Name: evil, Clients: -5, State: wire.StateDraining}}}
		r.setConnection(sse.Live, evil, 0, nil)
		r.windows(1, 2, emojiCount(evil, 5), emojiCount("", 3), wire.EmojiCount{Emoji: "🔥", Count: -7, Scaled: -1e300}, emojiCount(strings.Repeat("x", 5000), 1))
		r.press("1", "i")
	}
	for name, do := range map[string]func(*crowdSession){
		"live": hostile,
		"refused": func(r *crowdSession) {
			hostile(r)
			r.setConnection(sse.Reconnecting, evil, 0, &sse.RefusedError{Status: 503, Message: evil})
		},
		"draining": func(r *crowdSession) { hostile(r); r.setConnection(sse.Reconnecting, evil, 0, io.EOF) },
		"lost":     func(r *crowdSession) { hostile(r); r.setConnection(sse.Reconnecting, evil, 0, errors.New(evil)) },
		"pasted":   func(r *crowdSession) { hostile(r); r.press("/"); r.send(tea.PasteMsg{Content: evil}) },
		"the same window twice, of another length": func(r *crowdSession) {
			hostile(r)
			r.send(tui.StreamEvents{Swarms: []wire.Swarm{{Window: wire.Window{Start: 0, End: noon.UnixMilli() + 4001}, Total: 1 << 62}, {Window: wire.Window{Start: noon.UnixMilli(), End: noon.UnixMilli() + 1}, Total: 1}}})
			r.pass(time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range crowdSizes {
				withCrowd(t, tui.CrowdConfig{Channel: "b"}, size.Width, size.Height, func(r *crowdSession) {
					do(r)
					checkSize(t, r.view(), size, ansi.StringWidth, ansi.StringWidthWc)
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

// The appearance follows the terminal. All themes show the same text.
func TestCrowdAppearance(t *testing.T) {
	withCrowd(t, tui.CrowdConfig{}, 80, 24, func(r *crowdSession) {
		busyMoment(r)
		r.send(tea.BackgroundColorMsg{Color: color.Black})
		dark := r.crowd.View()
		r.send(tea.BackgroundColorMsg{Color: color.White})
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
		r.send(tea.ModeReportMsg{Mode: ansi.ModeUnicodeCore, Value: ansi.ModeReset})
		if after := r.view(); !strings.Contains(after, "👩‍🚀") {
			t.Errorf("a terminal with mode 2027 is not shown the whole picture:\n%s", after)
		}
	})
}

// With ASCII set, no screen has other characters.
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
