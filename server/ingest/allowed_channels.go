package ingest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/text/quote"
	"github.com/emostream/emostream/internal/wire"
)

// Channels says which names of channels may be used: each is a name, or the beginning of
// one and a star. The zero value allows all.
type Channels struct{ list []string }

// ParseChannels reads a list of names, such as main, and of beginnings with a star, such
// as stage-*. An empty list allows all names.
func ParseChannels(list []string) (Channels, error) {
	for _, s := range list {
		name, isPrefix := strings.CutSuffix(s, "*")
		if !wire.ValidChannel(name) && (!isPrefix || name != "") {
			return Channels{}, fmt.Errorf("%s is not a channel: want a name, of 1 to %d of A-Z a-z 0-9 . _ -, or the beginning of one and a star, as in stage-*", quote.Text(s, 80), wire.MaxChannel)
		}
	}
	return Channels{list}, nil
}

// Any says whether all names may be used.
func (c Channels) Any() bool { return len(c.list) == 0 || slices.Contains(c.list, "*") }

// Check returns nil if a channel may be used, else why not.
func (c Channels) Check(channel string) error {
	if c.Any() {
		return nil
	}
	for _, s := range c.list {
		if prefix, isPrefix := strings.CutSuffix(s, "*"); channel == s || isPrefix && strings.HasPrefix(channel, prefix) {
			return nil
		}
	}
	return fmt.Errorf("channel %q is not one of those that this server takes: use %.200s", channel, strings.Join(c.list, ", "))
}

// refusal returns nil if a channel may be used, else the refusal.
func (c Channels) refusal(channel string) *httpserve.Refusal {
	if err := c.Check(channel); err != nil {
		return httpserve.Refusalf(http.StatusUnprocessableEntity, "channel_not_allowed", "%v", err)
	}
	return nil
}
