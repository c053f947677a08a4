// Package stats adds up reactions: which emojis were sent most, at what rate, which
// window was the busiest, by how many users and in which channels.
//
// Its memory is bounded: emojis and channels beyond a number are counted together,
// users are estimated, and when there are too many windows, every two become one of
// twice the length.
package stats

import (
	"cmp"
	"math"
	"time"

	"github.com/axiomhq/hyperloglog"

	"github.com/emostream/emostream/internal/wire"
)

// UsersError is the standard error of the number of users: that of a HyperLogLog
// sketch with 2^14 registers. Up to some thousand they are nearly exact.
const UsersError = 1.04 / 128

// Config bounds what Statistics keeps. The zero value is the default.
type Config struct {
	// Window is the length of the windows that the peak is one of; default 2 s. It
	// is doubled whenever there are more than Windows of them.
	Window time.Duration
	// Windows is how many windows with reactions are told apart; default 65,536, a
	// day and a half of windows of 2 s.
	Windows int
	// Emojis is how many emojis are told apart; default 5,000, more than there are.
	Emojis int
	// Channels is how many channels are told apart, each with 200 emojis; default
	// 1,000.
	Channels int
}

func (c Config) withDefaults() Config {
	c.Window = cmp.Or(c.Window, 2*time.Second)
	c.Windows = cmp.Or(c.Windows, 1<<16)
	c.Emojis = cmp.Or(c.Emojis, 5_000)
	c.Channels = cmp.Or(c.Channels, 1_000)
	return c
}

// channelEmojis is how many emojis of a channel are told apart.
const channelEmojis = 200

// Statistics adds up reactions. It does no I/O and reads no clock. A reaction belongs
// to the window of its record's time, also where the aggregator counted it in a later
// one because it was late.
type Statistics struct {
	cfg           Config
	all           *counts
	channels      map[string]*counts
	otherChannels int64 // reactions in channels that are not told apart
	skipped       int64

	windowLength int64           // of the windows, ms
	windows      map[int64]int64 // reactions, by start / width
	first, last  int64           // times of reactions, ms
}

// New returns empty statistics.
func New(cfg Config) *Statistics {
	cfg = cfg.withDefaults()
	return &Statistics{
		cfg: cfg, all: newCounts(cfg.Emojis), channels: map[string]*counts{},
		windowLength: cfg.Window.Milliseconds(), windows: map[int64]int64{},
		first: math.MaxInt64, last: math.MinInt64,
	}
}

// Skip notes a record that is no reaction.
func (t *Statistics) Skip() { t.skipped++ }

// Add takes in the reaction of a record of that time.
func (t *Statistics) Add(at int64, r wire.ReactionFields) {
	t.first, t.last = min(t.first, at), max(t.last, at)
	t.windows[floor(at, t.windowLength)]++
	t.limitWindows()
	t.all.add(r)
	if c := t.channel(r.Channel); c != nil {
		c.add(r)
	} else {
		t.otherChannels++
	}
}

// channel returns the counts of a channel; nil when there are too many channels.
func (t *Statistics) channel(name []byte) *counts {
	if len(name) == 0 {
		name = []byte(wire.MainChannel)
	}
	c := t.channels[string(name)]
	if c == nil && len(t.channels) < t.cfg.Channels {
		c = newCounts(channelEmojis)
		t.channels[string(name)] = c
	}
	return c
}

// counts is what is known of the reactions of one channel, or of all.
type counts struct {
	total       int64
	emojis      map[string]*int64
	maxEmojis   int   // emojis
	otherEmojis int64 // reactions of emojis that are not told apart
	users       *hyperloglog.Sketch
}

func newCounts(emojis int) *counts {
	return &counts{emojis: map[string]*int64{}, maxEmojis: emojis, users: hyperloglog.New14()}
}

func (g *counts) add(r wire.ReactionFields) {
	g.total++
	g.users.Insert(r.UserID)
	n := g.emojis[string(r.Emoji)]
	if n == nil {
		if len(g.emojis) == g.maxEmojis {
			g.otherEmojis++
			return
		}
		n = new(int64)
		g.emojis[string(r.Emoji)] = n
	}
	*n++
}
