package client

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/emostream/emostream/internal/quota"
	"github.com/emostream/emostream/internal/wire"
)

// Settings are what a main server says of what it takes, for one channel.
type Settings struct {
	Palette  []string          // emojis to offer
	AnyEmoji bool              // others are taken, too
	Hidden   []string          // emojis that are not taken now, unless these are too many to tell
	Channel  wire.ChannelState // of the channel that was asked for
}

// Takes says whether the server takes an emoji now.
func (s Settings) Takes(emoji string) bool {
	return !slices.Contains(s.Hidden, emoji) && (s.AnyEmoji || slices.Contains(s.Palette, emoji))
}

// Settings asks the main server what it takes.
func (c *Client) Settings(ctx context.Context, channel string) (Settings, error) {
	type set struct {
		State         string
		Until, Reason string
		PerUser       struct {
			PerSecond float64 `json:"per_second"`
			AtOnce    int     `json:"at_once"`
		} `json:"per_user"`
	}
	var said struct {
		Palette, Hidden []string
		AnyEmoji        bool `json:"any_emoji"`
		Paused, Slowed  map[string]set
	}
	if err := c.do(ctx, http.MethodGet, "/v1/config?channel="+url.QueryEscape(channel), nil, &said); err != nil {
		return Settings{}, err
	}
	s := Settings{Palette: said.Palette, AnyEmoji: said.AnyEmoji, Hidden: said.Hidden, Channel: wire.ChannelState{State: wire.Open}}
	if is, ok := said.Slowed[channel]; ok {
		s.Channel = wire.ChannelState{State: is.State, Until: is.Until, Reason: is.Reason, PerUser: quota.Rate{PerSecond: is.PerUser.PerSecond, Burst: is.PerUser.AtOnce}.Text()}
	}
	if is, ok := said.Paused[channel]; ok {
		s.Channel = wire.ChannelState{State: is.State, Until: is.Until, Reason: is.Reason}
	}
	return s, nil
}
