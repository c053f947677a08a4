package client_test

import (
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/wire"
)

// Settings returns what the main server takes in one channel.
func TestSettings(t *testing.T) {
	open := wire.ChannelState{State: "open"}
	for name, tt := range map[string]struct {
		says  string
		want  client.Settings
		takes map[string]bool
	}{
		"any emoji": {
			`{"palette":["🔥"],"any_emoji":true,"hidden":["💩"],"paused":{},"slowed":{},"limits":{"count":100}}`,
			client.Settings{Palette: []string{"🔥"}, AnyEmoji: true, Hidden: []string{"💩"}, Channel: open},
			map[string]bool{"🔥": true, "🐶": true, "💩": false},
		},
		"some emojis": {
			`{"palette":["🔥"],"any_emoji":false,"hidden":null,"paused":{"other":{"state":"paused"}},"slowed":{}}`,
			client.Settings{Palette: []string{"🔥"}, Channel: open},
			map[string]bool{"🔥": true, "🐶": false},
		},
		"paused": {
			`{"palette":[],"paused":{"a b":{"state":"closed","until":"2030-01-02T03:04:05.000Z","reason":"the end"}},"slowed":{}}`,
			client.Settings{Palette: []string{}, Channel: wire.ChannelState{State: "closed", Until: "2030-01-02T03:04:05.000Z", Reason: "the end"}},
			nil,
		},
		"slowed": {
			`{"palette":[],"paused":{},"slowed":{"a b":{"state":"slowed","per_user":{"per_second":0.5,"at_once":1},"reason":"calm"}}}`,
			client.Settings{Palette: []string{}, Channel: wire.ChannelState{State: "slowed", PerUser: "30/m", Reason: "calm"}},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t, map[string]http.HandlerFunc{"main": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(tt.says)) }})
				got, err := n.client().Settings(t.Context(), "a b")
				if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
					t.Errorf("%v (-want +got):\n%s", err, diff)
				}
				for e, want := range tt.takes {
					if got.Takes(e) != want {
						t.Errorf("takes %s: %t", e, !want)
					}
				}
				if diff := cmp.Diff([]string{"main/v1/config?channel=a+b"}, n.requests()); diff != "" {
					t.Errorf("asked (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// A server of an older version has no such call.
func TestSettingsRefused(t *testing.T) {
	c, _ := mainServer(t, 404, `{"error":"nothing is served here","code":"not_found"}`)
	if _, err := c.Settings(t.Context(), "main"); err == nil || err.Error() != "nothing is served here" {
		t.Errorf("Settings = %v", err)
	}
}
