package controls_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/quota"
)

func TestClean(t *testing.T) {
	until := time.Date(2030, 1, 2, 3, 4, 5, 6_789_000, time.FixedZone("", 3600))
	for name, tt := range map[string]struct{ in, want controls.Control }{
		"a channel": {
			controls.Control{Kind: controls.Channel, Name: "Stage-1", State: controls.Paused, Until: until, Reason: "back at 8 🎉", SetBy: "ann"},
			controls.Control{Kind: controls.Channel, Name: "Stage-1", State: controls.Paused, Until: time.Date(2030, 1, 2, 2, 4, 5, 6_000_000, time.UTC), Reason: "back at 8 🎉", SetBy: "ann"},
		},
		"a user needs no state": {controls.Control{Kind: controls.User, Name: "a/b c"}, controls.Control{Kind: controls.User, Name: "a/b c", State: controls.Banned}},
		"another spelling":      {controls.Control{Kind: controls.Emoji, Name: "❤"}, controls.Control{Kind: controls.Emoji, Name: "❤️", State: controls.Hidden}},
		"a shortcode":           {controls.Control{Kind: controls.Emoji, Name: ":fire:", State: controls.Hidden}, controls.Control{Kind: controls.Emoji, Name: "🔥", State: controls.Hidden}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := controls.Clean(tt.in)
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestWhatIsNoControl(t *testing.T) {
	slow := quota.Rate{PerSecond: 1, Burst: 1}
	for name, tt := range map[string]struct {
		in   controls.Control
		says string
	}{
		"no kind":                    {controls.Control{Name: "main", State: controls.Paused}, "use channel, user or emoji"},
		"another kind":               {controls.Control{Kind: "room", Name: "main"}, `"room" is not a kind`},
		"no name":                    {controls.Control{Kind: controls.Channel, State: controls.Paused}, `channel ""`},
		"no channel's name":          {controls.Control{Kind: controls.Channel, Name: "a b", State: controls.Paused}, `channel "a b"`},
		"no user":                    {controls.Control{Kind: controls.User}, "1 to 128 bytes"},
		"a user that is too long":    {controls.Control{Kind: controls.User, Name: strings.Repeat("x", 129)}, "1 to 128 bytes"},
		"a user that is no text":     {controls.Control{Kind: controls.User, Name: "\xff"}, "UTF-8"},
		"no emoji":                   {controls.Control{Kind: controls.Emoji, Name: "x"}, "not an emoji"},
		"a channel without a state":  {controls.Control{Kind: controls.Channel, Name: "main"}, "use paused, closed or slowed"},
		"a channel that is banned":   {controls.Control{Kind: controls.Channel, Name: "main", State: controls.Banned}, `"banned" is not a state of a channel`},
		"a user that is paused":      {controls.Control{Kind: controls.User, Name: "ann", State: controls.Paused}, "use banned"},
		"slowed without a rate":      {controls.Control{Kind: controls.Channel, Name: "main", State: controls.Slowed}, "slowed needs per_user"},
		"paused with a rate":         {controls.Control{Kind: controls.Channel, Name: "main", State: controls.Paused, PerUser: slow}, "per_user goes with slowed, and this is paused"},
		"the year 10000":             {controls.Control{Kind: controls.User, Name: "ann", Until: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, "1970 to 9999"},
		"the year 10000 in UTC":      {controls.Control{Kind: controls.User, Name: "ann", Until: time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -3600))}, "1970 to 9999"},
		"a reason of two lines":      {controls.Control{Kind: controls.User, Name: "ann", Reason: "a\nb"}, "one line"},
		"a reason that is too long":  {controls.Control{Kind: controls.User, Name: "ann", Reason: strings.Repeat("x", 201)}, "up to 200"},
		"set by a name too long":     {controls.Control{Kind: controls.User, Name: "ann", SetBy: strings.Repeat("x", 129)}, "up to 128"},
		"a reason that is no text":   {controls.Control{Kind: controls.User, Name: "ann", Reason: "\xff"}, "one line"},
		"an emoji that is not known": {controls.Control{Kind: controls.Emoji, Name: ":nosuchthing:"}, ":nosuchthing:"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := controls.Clean(tt.in); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Clean = %v, %v, want an error that says %q", got, err, tt.says)
			}
		})
	}
}
