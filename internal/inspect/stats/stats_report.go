package stats

import (
	"cmp"
	"math"
	"slices"

	"github.com/emostream/emostream/internal/wire"
)

// Report is the result. Numbers of users are estimates.
type Report struct {
	Range     wire.Window `json:"span"`
	Reactions int64       `json:"reactions"`
	PerSecond float64     `json:"per_second"` // mean over the range
	Peak      *Peak       `json:"peak"`       // the busiest window; null if there is none
	Newest    *Peak       `json:"newest"`     // the newest window that has ended
	Users     int64       `json:"users"`
	UsersErr  float64     `json:"users_error"` // standard error of Users, as a share
	Emojis    []Emoji     `json:"emojis"`      // the most frequent ones
	Channels  []Channel   `json:"channels"`    // the channels with the most reactions
	// EmojisSeen and ChannelsSeen are how many were counted separately. EmojisOther and
	// ChannelsOther are the reactions of all others.
	EmojisSeen    int     `json:"emojis_seen"`
	EmojisOther   int64   `json:"emojis_other"`
	ChannelsSeen  int     `json:"channels_seen"`
	ChannelsOther int64   `json:"channels_other"`
	Series        []Point `json:"series"`
	Skipped       int64   `json:"skipped"` // records that are no reactions
	Gone          int64   `json:"gone"`    // records that retention removed before they were read
	// Blocked are records that were not read, because a transaction is open before them.
	Blocked int64 `json:"blocked,omitempty"`
}

// Peak is a window, and how many reactions it has.
type Peak struct {
	Start     wire.Time `json:"start"`
	End       wire.Time `json:"end"`
	Reactions int64     `json:"reactions"`
	PerSecond float64   `json:"per_second"`
}

// Emoji is how often an emoji was sent. Share is its part of all reactions, from 0 to
// 1.
type Emoji struct {
	Emoji     string  `json:"emoji_type"`
	Reactions int64   `json:"reactions"`
	Share     float64 `json:"share"`
}

// Channel is how many reactions a channel had. Share is its part of all, from 0 to 1.
type Channel struct {
	Channel   string  `json:"channel"`
	Reactions int64   `json:"reactions"`
	Share     float64 `json:"share"`
	PerSecond float64 `json:"per_second"`
	Users     int64   `json:"users"`
	Top       string  `json:"top"` // its most frequent emoji
}

// Point is the rate in one part of the range.
type Point struct {
	Start     wire.Time `json:"start"`
	PerSecond float64   `json:"per_second"`
}

// Selection says what is to be reported.
type Selection struct {
	// From and To bound the time, in ms since the Unix epoch. A zero From is the start
	// of the first reaction's window, a zero To the end of the last one's.
	From, To int64
	// Top is how many emojis and channels are listed.
	Top int
	// Points is the greatest number of points in Series.
	Points int
}

// Report returns what was added up so far.
func (t *Statistics) Report(a Selection) Report {
	r := Report{
		Range:     t.timeRange(a),
		Reactions: t.all.total, Users: t.all.estimate(), UsersErr: UsersError,
		Emojis: t.all.top(a.Top), Channels: []Channel{}, Series: []Point{},
		EmojisSeen: len(t.all.emojis), EmojisOther: t.all.otherEmojis,
		ChannelsSeen: len(t.channels), ChannelsOther: t.otherChannels,
		Skipped: t.skipped,
	}
	seconds := float64(r.Range.End-r.Range.Start) / 1000
	if seconds <= 0 {
		return r
	}
	r.PerSecond = float64(t.all.total) / seconds
	r.Peak = t.peak()
	r.Newest = t.window(floor(r.Range.End, t.windowLength) - 1)
	r.Channels = t.top(a.Top, seconds)
	r.Series = t.series(r.Range, a.Points)
	return r
}

// timeRange returns the range that was asked for, with its zero bounds replaced by
// those of the reactions.
func (t *Statistics) timeRange(a Selection) wire.Window {
	w := wire.Window{Start: a.From, End: a.To}
	if t.all.total > 0 && w.Start == 0 {
		w.Start = floor(t.first, t.windowLength) * t.windowLength
	}
	if t.all.total > 0 && w.End == 0 {
		w.End = (floor(t.last, t.windowLength) + 1) * t.windowLength
	}
	if w.Start == 0 || w.End <= w.Start {
		return wire.Window{Start: w.Start, End: w.Start}
	}
	return w
}

// peak returns the busiest window; if several are, the first of them.
func (t *Statistics) peak() *Peak {
	best, most := int64(math.MaxInt64), int64(0)
	for k, n := range t.windows {
		if n > most || n == most && k < best {
			best, most = k, n
		}
	}
	if most == 0 {
		return nil
	}
	return t.window(best)
}

func (t *Statistics) window(k int64) *Peak {
	n := t.windows[k]
	return &Peak{wire.Time(k * t.windowLength), wire.Time((k + 1) * t.windowLength), n, float64(n) / (float64(t.windowLength) / 1000)}
}

// series returns the rate over time. Each point but the last stands for the same number
// of windows. A window that ends after the range is left out.
func (t *Statistics) series(span wire.Window, points int) []Point {
	first := floor(span.Start, t.windowLength)
	windows := max(1, floor(span.End, t.windowLength)-first)
	if points < 1 {
		return []Point{}
	}
	each := (windows-1)/int64(points) + 1
	out := make([]Point, (windows-1)/each+1)
	for k, n := range t.windows {
		if k >= first && k < first+windows {
			out[(k-first)/each].PerSecond += float64(n)
		}
	}
	for i := range out {
		before := int64(i) * each
		out[i].Start = wire.Time((first + before) * t.windowLength)
		out[i].PerSecond /= float64(min(each, windows-before)*t.windowLength) / 1000
	}
	return out
}

// top returns the n channels with the most reactions.
func (t *Statistics) top(n int, seconds float64) []Channel {
	all := make([]Channel, 0, len(t.channels))
	for name, g := range t.channels {
		all = append(all, Channel{Channel: name, Reactions: g.total})
	}
	slices.SortFunc(all, func(a, b Channel) int {
		return cmp.Or(cmp.Compare(b.Reactions, a.Reactions), cmp.Compare(a.Channel, b.Channel))
	})
	all = all[:min(n, len(all))]
	for i := range all {
		c := &all[i]
		g := t.channels[c.Channel]
		c.Share = float64(c.Reactions) / float64(t.all.total)
		c.PerSecond = float64(c.Reactions) / seconds
		c.Users, c.Top = g.estimate(), g.top(1)[0].Emoji
	}
	return all
}

// top returns the n most frequent emojis. Equally frequent ones are in the order of
// their code points.
func (g *counts) top(n int) []Emoji {
	all := make([]Emoji, 0, len(g.emojis))
	for e, count := range g.emojis {
		all = append(all, Emoji{e, *count, float64(*count) / float64(g.total)})
	}
	slices.SortFunc(all, func(a, b Emoji) int {
		return cmp.Or(cmp.Compare(b.Reactions, a.Reactions), cmp.Compare(a.Emoji, b.Emoji))
	})
	return all[:min(n, len(all))]
}

// estimate returns about how many users there are.
func (g *counts) estimate() int64 { return min(int64(g.users.Estimate()), g.total) }
