package client_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
)

// shows returns the event of window 1 with a total of 9, of which these emojis are listed.
func shows(emojis ...string) string {
	list := make([]string, len(emojis))
	for i, e := range emojis {
		list[i] = `{"emoji_type":"` + e + `","emoji_count":1,"emoji_count_aggregated":1}`
	}
	return string(sse.AppendEvent(nil, sse.Event{ID: "2000", Name: "swarm", Data: []byte(
		`{"channel":"main","window":{"start":"1970-01-01T00:00:00Z","end":"1970-01-01T00:00:02Z"},"total":9,"emojis":[` + strings.Join(list, ",") + `]}`)}))
}

// Of equal totals the later swarm is shown, since an emoji is hidden in it or is hidden no
// more; one that was shown last is not shown again.
func TestWatchTellsOfHiddenEmojis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, map[string]http.HandlerFunc{"main": assigning("sub1"), "sub1": streaming(
			shows("🔥", "💩")+shows("🔥", "💩")+shows("🔥"), // and the stream ends
			shows("🔥")+shows("🔥", "💩")+window(1, 8)+window(2, 99),
		)})
		var saw []string
		err := n.client().Watch(t.Context(), "main", func(s wire.Swarm, _ []byte) error {
			listed := ""
			for _, e := range s.Emojis {
				listed += e.Emoji
			}
			saw = append(saw, listed)
			if s.Total == 99 {
				return errEnough
			}
			return nil
		}, nil)
		if diff := cmp.Diff([]string{"🔥💩", "🔥", "🔥💩", ""}, saw); diff != "" || !errors.Is(err, errEnough) {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}

// Who wants to know the state of the channel asks the stream for it, and is told each
// state that can be one.
func TestWatchTellsTheStateOfItsChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		event := func(data string) string { return "event: state\ndata: " + data + "\n\n" }
		n := newNetwork(t, map[string]http.HandlerFunc{"main": assigning("sub1"), "sub1": streaming(
			event(`{"state":"open"}`) + event(`{"state":"paused","until":"2000-01-01T00:01:00.000Z","reason":"a break"}`) +
				event(`{"state":"upside down"}`) + event(`[]`) + event(`{"state":"closed","reason":"`+strings.Repeat("long ", 1000)+`"}`) + event(`{"state":"closed"}`) + window(1, 99),
		)})
		c := n.client()
		var told []wire.ChannelState
		c.OnChannel = func(s wire.ChannelState) { told = append(told, s) }
		watch(t, c, "b")
		want := []wire.ChannelState{{State: "open"}, {State: "paused", Until: "2000-01-01T00:01:00.000Z", Reason: "a break"}, {State: "closed"}}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"main/register?channel=b", "sub1/v1/swarm?channel=b&signals=1", "main/unregister"}, n.requests()); diff != "" {
			t.Errorf("asked (-want +got):\n%s", diff)
		}
	})
}

func TestChannelText(t *testing.T) {
	now := time.Date(2026, 11, 30, 20, 0, 0, 0, time.FixedZone("CET", 3600))
	for want, state := range map[string]wire.ChannelState{
		"":                                  {State: "open"},
		"closed":                            {State: "closed"},
		"closed: that was it":               {State: "closed", Reason: "that was it"},
		"paused until 20:15:00":             {State: "paused", Until: "2026-11-30T19:15:00.000Z"},
		"paused until Dec 2 20:15:00: rain": {State: "paused", Until: "2026-12-02T19:15:00.000Z", Reason: "rain"},
		"paused until 19:15:00":             {State: "paused", Until: "2026-11-30T18:15:00Z"},
		"paused":                            {State: "paused", Until: "tomorrow"},
		"slowed to 1/s for each user: calm": {State: "slowed", PerUser: "1/s", Reason: "calm"},
		"closed: red":                       {State: "closed", Reason: "\x1b[31mred"},
	} {
		if got := client.ChannelText(state, now); got != want {
			t.Errorf("%+v: %q, want %q", state, got, want)
		}
	}
	if got := client.ChannelText(wire.ChannelState{}, now); got != "" {
		t.Errorf("nothing told: %q", got)
	}
}
