package tui

import (
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/wire"
)

// maxKeys is how many keys have an emoji.
const maxKeys = 9

// paletteKeys are the emojis on the keys 1 to 9. An emoji that the server does not take now
// leaves its key empty until it is taken again, so that no key becomes that of another one.
type paletteKeys struct {
	chosen   bool     // by the user; else the server says which they are
	emojis   []string // of the keys, also of those that are empty now
	settings client.Settings
	known    bool // settings are those of the server
}

// newPaletteKeys returns the keys of a palette that the user has chosen. If it is empty, they
// are the favourites until the server has said what it offers.
func newPaletteKeys(chosen []string) paletteKeys {
	if len(chosen) > 0 {
		return paletteKeys{chosen: true, emojis: chosen}
	}
	return paletteKeys{emojis: emoji.Favourites()}
}

// with returns the keys for what the server takes now.
func (k paletteKeys) with(s client.Settings) paletteKeys {
	stays := func(e string) bool { return slices.Contains(s.Palette, e) || slices.Contains(s.Hidden, e) }
	switch first := !k.known; {
	case k.chosen || len(s.Palette) == 0:
	case first || !all(k.emojis, stays): // the server offers other ones than before
		k.emojis = s.Palette
	default:
		k.emojis = slices.Clone(k.emojis)
		for _, e := range s.Palette {
			if !slices.Contains(k.emojis, e) {
				k.emojis = append(k.emojis, e)
			}
		}
	}
	k.emojis = k.emojis[:min(maxKeys, len(k.emojis))]
	k.settings, k.known = s, true
	return k
}

func all(list []string, is func(string) bool) bool {
	return !slices.ContainsFunc(list, func(e string) bool { return !is(e) })
}

// takes says whether the server takes an emoji, as far as is known.
func (k paletteKeys) takes(e string) bool { return !k.known || k.settings.Takes(e) }

// on returns the emoji on a key, counted from 0; empty: none is now.
func (k paletteKeys) on(key int) string {
	if e := k.emojis[key]; k.takes(e) {
		return e
	}
	return ""
}

// offered returns the emojis that are on keys now.
func (k paletteKeys) offered() []string {
	return slices.DeleteFunc(slices.Clone(k.emojis), func(e string) bool { return !k.takes(e) })
}

// SettingsAnswer is the answer to a request for what the main server takes.
type SettingsAnswer struct {
	Settings client.Settings
	Err      error
}

// settingsCall is the request for what the main server takes.
type settingsCall struct {
	asked    time.Time // when it was last made
	underWay bool
	soon     bool // the server seems to take something else than before
}

// askSettings asks the main server what it takes, if that is due.
func (c Crowd) askSettings() (Crowd, tea.Cmd) {
	interval := pollInterval
	switch {
	case c.settings.soon:
		interval = time.Second
	case !c.connection.Live():
		interval = offlinePollInterval
	}
	if c.settings.underWay || c.now.Sub(c.settings.asked) < interval {
		return c, nil
	}
	c.settings = settingsCall{asked: c.now, underWay: true}
	ask := c.cfg.Settings
	return c, func() tea.Msg {
		s, err := ask()
		return SettingsAnswer{s, err}
	}
}

// takeSettings handles the answer to askSettings. A stream that is live tells the state of
// the channel at once, unless its server is of an older version.
func (c Crowd) takeSettings(a SettingsAnswer) Crowd {
	c.settings.underWay = false
	if a.Err != nil {
		return c // also from a server of an older version, which says nothing of what it takes
	}
	c.keyEmojis = c.keyEmojis.with(a.Settings)
	c.keys = newCrowdKeys(len(c.keyEmojis.emojis))
	if offered := c.keyEmojis.offered(); !c.keyEmojis.takes(c.lastEmoji) && len(offered) > 0 {
		c.lastEmoji = offered[0]
	}
	if !c.keyEmojis.takes(c.burst.emoji) {
		c.burst = c.burst.stopped()
	}
	if !c.channelTold || !c.connection.Live() {
		c.channel = a.Settings.Channel
	}
	return c
}

// tapKey taps the emoji on a key, counted from 0.
func (c Crowd) tapKey(key int) Crowd {
	if e := c.keyEmojis.on(key); e != "" {
		return c.tap(e)
	}
	c.now = c.cfg.Now()
	return c.notify(c.emojiInText(c.keyEmojis.emojis[key])+" is not taken now", true)
}

// takeChannel takes in the state of the channel as the stream tells it.
func (c Crowd) takeChannel(s wire.ChannelState) Crowd {
	c.channel, c.channelTold = s, true
	return c
}
