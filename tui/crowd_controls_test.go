package tui_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/tui"
)

// An emoji that is hidden leaves the screen at once, and comes back when it is hidden no
// more.
func TestCrowdDropsHiddenEmojis(t *testing.T) {
	withCrowd(t, tui.CrowdConfig{}, 80, 24, func(r *crowdSession) {
		r.live("sub1")
		r.windows(1, 1, emojiCount("🔥", 50), emojiCount("💩", 40))
		r.pass(500 * time.Millisecond)
		if got := strings.Count(r.view(), "💩"); got < 2 {
			t.Fatalf("%d on the screen:\n%s", got, r.view())
		}
		whole := swarm(1, emojiCount("🔥", 50), emojiCount("💩", 40))
		hidden := whole
		hidden.Emojis = whole.Emojis[:1]
		r.send(tui.StreamEvents{Swarms: []wire.Swarm{hidden}})
		r.pass(50 * time.Millisecond)
		if view := r.view(); strings.Contains(view, "💩") || !strings.Contains(view, "🔥") || !strings.Contains(view, "90 reactions") {
			t.Errorf("after it was hidden:\n%s", view)
		}
		r.send(tui.StreamEvents{Swarms: []wire.Swarm{whole}})
		r.pass(500 * time.Millisecond)
		if view := r.view(); strings.Count(view, "💩") < 2 {
			t.Errorf("hidden no more:\n%s", view)
		}
	})
}

// A line says that the channel takes fewer reactions than usual, until it is open again.
func TestCrowdSaysThatTheChannelIsPaused(t *testing.T) {
	withCrowd(t, tui.CrowdConfig{}, 80, 24, func(r *crowdSession) {
		r.live("sub1")
		for _, step := range []struct {
			state wire.ChannelState
			says  string
		}{
			{wire.ChannelState{State: "open"}, ""},
			{wire.ChannelState{State: "paused", Until: "2026-11-23T12:15:00.000Z", Reason: "a break"}, "the channel is paused until 12:15:00: a break"},
			{wire.ChannelState{State: "slowed", PerUser: "1/s"}, "the channel is slowed to 1/s for each user"},
			{wire.ChannelState{State: "open"}, ""},
		} {
			r.send(tui.StreamEvents{Channel: &step.state})
			r.send(tui.StreamEvents{}) // says nothing of it
			if view := r.view(); !strings.Contains(view, step.says) || strings.Contains(view, "the channel is") != (step.says != "") {
				t.Errorf("%+v:\n%s", step.state, view)
			}
		}
	})
}

// The keys have the emojis that the server offers. One that is not taken now leaves its key
// empty, and comes back to it.
func TestCrowdKeysFollowThePalette(t *testing.T) {
	favourites := []string{"🔥", "😂", "👍", "🎉", "💯", "😮", "😢", "🚀", "💖"}
	anyEmoji := func(hidden ...string) client.Settings {
		s := client.Settings{AnyEmoji: true, Hidden: hidden, Palette: []string{}}
		for _, e := range favourites {
			if !slices.Contains(hidden, e) {
				s.Palette = append(s.Palette, e)
			}
		}
		return s
	}
	only := func(palette ...string) client.Settings { return client.Settings{Palette: palette} }
	without := func(s client.Settings, hidden ...string) client.Settings {
		s.Hidden, s.Palette = hidden, slices.DeleteFunc(slices.Clone(s.Palette), func(e string) bool { return slices.Contains(hidden, e) })
		return s
	}
	for name, tt := range map[string]struct {
		chosen []string
		steps  []client.Settings
		want   string // the keys
	}{
		"nothing is known":                     {nil, nil, "1 🔥 2 😂 3 👍 4 🎉 5 💯 6 😮 7 😢 8 🚀 9 💖"},
		"any emoji":                            {nil, []client.Settings{anyEmoji()}, "1 🔥 2 😂 3 👍 4 🎉 5 💯 6 😮 7 😢 8 🚀 9 💖"},
		"one is hidden":                        {nil, []client.Settings{anyEmoji("😂")}, "1 🔥 2 👍 3 🎉 4 💯 5 😮 6 😢 7 🚀 8 💖"},
		"one becomes hidden":                   {nil, []client.Settings{anyEmoji(), anyEmoji("😂")}, "1 🔥 2 3 👍 4 🎉 5 💯 6 😮 7 😢 8 🚀 9 💖"},
		"one becomes hidden, and is shown":     {nil, []client.Settings{anyEmoji(), anyEmoji("😂"), anyEmoji()}, "1 🔥 2 😂 3 👍 4 🎉 5 💯 6 😮 7 😢 8 🚀 9 💖"},
		"one is hidden, and is shown":          {nil, []client.Settings{anyEmoji("😂"), anyEmoji()}, "1 🔥 2 👍 3 🎉 4 💯 5 😮 6 😢 7 🚀 8 💖 9 😂"},
		"some emojis":                          {nil, []client.Settings{only("🐶", "🐱")}, "1 🐶 2 🐱"},
		"many emojis":                          {nil, []client.Settings{only(append(slices.Clone(favourites), "🐶")...)}, "1 🔥 2 😂 3 👍 4 🎉 5 💯 6 😮 7 😢 8 🚀 9 💖"},
		"one of some becomes hidden":           {nil, []client.Settings{only("🐶", "🐱"), without(only("🐶", "🐱"), "🐶")}, "1 2 🐱"},
		"other emojis":                         {nil, []client.Settings{only("🐶", "🐱"), only("🐱", "🐭")}, "1 🐱 2 🐭"},
		"all are hidden":                       {nil, []client.Settings{only("🐶"), without(only("🐶"), "🐶")}, "1"},
		"chosen":                               {[]string{"🐭", "🔥"}, []client.Settings{anyEmoji()}, "1 🐭 2 🔥"},
		"chosen, one is hidden":                {[]string{"🐭", "🔥"}, []client.Settings{anyEmoji("🐭")}, "1 2 🔥"},
		"chosen, one is hidden and is shown":   {[]string{"🐭", "🔥"}, []client.Settings{anyEmoji("🐭"), anyEmoji()}, "1 🐭 2 🔥"},
		"chosen, of which some are not taken":  {[]string{"🐭", "🐶"}, []client.Settings{only("🐶", "🐱")}, "1 2 🐶"},
		"chosen, and the server says nothing ": {[]string{"🐭"}, nil, "1 🐭"},
	} {
		t.Run(name, func(t *testing.T) {
			withCrowd(t, tui.CrowdConfig{Palette: tt.chosen}, 80, 24, func(r *crowdSession) {
				r.live("sub1")
				r.pass(time.Second)
				for _, s := range tt.steps {
					r.settings = s
					r.pass(11 * time.Second)
				}
				lines := strings.Split(r.view(), "\n")
				if got := strings.Join(strings.Fields(strings.Trim(lines[20], "│ ")), " "); got != tt.want {
					t.Errorf("the keys are %q, want %q:\n%s", got, tt.want, r.view())
				}
			})
		})
	}
}

// A key that is empty taps nothing and says why, a burst of what is hidden ends, r taps what is
// taken, and the finder does not offer the rest.
func TestCrowdTapsNothingHidden(t *testing.T) {
	withCrowd(t, tui.CrowdConfig{}, 80, 24, func(r *crowdSession) {
		r.live("sub1")
		r.settings = client.Settings{Palette: []string{"🐶", "🐱"}}
		r.pass(time.Second)
		r.press("b", "9", "9", "tab", "1", "enter") // of the dog
		r.pass(time.Second)
		r.settings = client.Settings{Palette: []string{"🐱"}, Hidden: []string{"🐶"}}
		r.send(tui.SendResult{}) // of nothing, so that it says nothing of what is taken
		r.pass(11 * time.Second)
		sent := len(r.requests())
		r.press("1")
		if !strings.Contains(r.view(), "🐶 is not taken now") {
			t.Errorf("after key 1:\n%s", r.view())
		}
		r.pass(time.Second)
		r.press("r")
		r.pass(time.Second)
		r.press("/", "d", "o", "g", "enter", "esc")
		r.pass(time.Second)
		if diff := cmp.Diff([]string{"🐱1"}, r.requests()[sent:]); diff != "" {
			t.Errorf("sent (-want +got):\n%s", diff)
		}
	})
}

// The keys follow within a second or two when a tap is refused, or when an emoji leaves the
// windows.
func TestCrowdAsksAgainWhenSomethingWasHidden(t *testing.T) {
	whole := swarm(1, emojiCount("🔥", 50), emojiCount("😂", 40))
	hidden := whole
	hidden.Emojis = whole.Emojis[:1]
	for name, does := range map[string]func(*crowdSession){
		"a tap is refused": func(r *crowdSession) {
			r.answer = func([]client.Reaction) ([]client.Result, error) {
				return []client.Result{{Code: "hidden_emoji", Message: "😂 is hidden"}}, nil
			}
			r.press("2")
		},
		"it leaves a window": func(r *crowdSession) { r.send(tui.StreamEvents{Swarms: []wire.Swarm{whole, hidden}}) },
	} {
		t.Run(name, func(t *testing.T) {
			withCrowd(t, tui.CrowdConfig{}, 80, 24, func(r *crowdSession) {
				r.live("sub1")
				r.settings = client.Settings{AnyEmoji: true, Palette: []string{"🔥", "😂"}}
				r.pass(1500 * time.Millisecond)
				r.settings = client.Settings{AnyEmoji: true, Palette: []string{"🔥"}, Hidden: []string{"😂"}}
				does(r)
				r.pass(1500 * time.Millisecond)
				r.press("2")
				if !strings.Contains(r.view(), "😂 is not taken now") {
					t.Errorf("key 2 still has it:\n%s", r.view())
				}
			})
		})
	}
}

// The main server says whether the channel is paused, as long as no stream does.
func TestCrowdIsToldOfThePauseAtTheStart(t *testing.T) {
	withCrowd(t, tui.CrowdConfig{}, 80, 24, func(r *crowdSession) {
		says := func(when, want string) {
			t.Helper()
			if view := r.view(); !strings.Contains(view, want) || strings.Contains(view, "the channel is") != (want != "") {
				t.Errorf("%s:\n%s", when, view)
			}
		}
		r.settings = client.Settings{Palette: []string{"🔥"}, Channel: wire.ChannelState{State: "paused", Reason: "a break"}}
		r.pass(100 * time.Millisecond)
		says("before a stream is open", "the channel is paused: a break")
		r.live("sub1")
		r.send(tui.StreamEvents{Channel: &wire.ChannelState{State: "open"}})
		r.pass(11 * time.Second)
		says("when the stream has told it", "")
		r.setConnection(sse.Reconnecting, "sub1", time.Minute, errDial)
		r.pass(4 * time.Second)
		says("when the stream is broken off", "the channel is paused: a break")
	})
}
