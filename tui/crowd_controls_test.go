package tui_test

import (
	"strings"
	"testing"
	"time"

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
