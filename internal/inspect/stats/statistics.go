// Package stats adds up reactions: which emojis were sent most, at what rate, which
// window was the busiest, by how many users and in which channels.
//
// Its memory is bounded. When there are too many emojis or channels, the rest are
// counted together. The number of users is estimated. When there are too many windows,
// each two become one of twice the length.
package stats

import (
	"cmp"
	"math"
	"time"

	"github.com/axiomhq/hyperloglog"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/wire"
)

// UsersError is the standard error of the number of users, as a share: that of a
// HyperLogLog sketch with 2^14 registers. Numbers up to some thousand are nearly exact.
const UsersError = 1.04 / 128

// Config bounds what Statistics keeps. A zero field stands for its default.
type Config struct {
	// Window is the length of the windows of which the busiest is found; default 2 s.
	// It is doubled whenever there are more than Windows of them.
	Window time.Duration
	// Windows is how many windows with reactions are kept; default 65,536, a day and a
	// half of windows of 2 s.
	Windows int
	// Emojis is how many emojis are counted separately; default 5,000, more than exist.
	Emojis int
	// Channels is how many channels are counted separately, each with up to 200 emojis;
	// default 1,000.
	Channels int
}

func (c Config) withDefaults() Config {
	c.Window = cmp.Or(c.Window, 2*time.Second)
	c.Windows = cmp.Or(c.Windows, 1<<16)
	c.Emojis = cmp.Or(c.Emojis, 5_000)
	c.Channels = cmp.Or(c.Channels, 1_000)
	return c
}

// channelEmojis is how many emojis of a channel are counted separately.
const channelEmojis = 200

// Statistics adds up reactions. It does no I/O and reads no clock. A reaction belongs
// to the window of its record's time, even if it was late and the aggregator counted it
// in another. All spellings of an emoji are one.
type Statistics struct {
	cfg           Config
	all           *counts
	channels      map[string]*counts
	otherChannels int64 // reactions in channels that are not counted separately
	skipped       int64

	windowLength int64           // ms
	windows      map[int64]int64 // reactions in each window, by its start / windowLength
	first, last  int64           // least and greatest time of a reaction, ms
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

// Skip notes a record that is not a reaction.
func (t *Statistics) Skip() { t.skipped++ }

// Add adds a reaction. at is the time of its record, in ms.
func (t *Statistics) Add(at int64, r wire.ReactionFields) {
	t.first, t.last = min(t.first, at), max(t.last, at)
	t.windows[floor(at, t.windowLength)]++
	t.limitWindows()
	name := emoji.Canonical(r.Emoji)
	t.all.add(name, r.UserID)
	if c := t.channel(r.Channel); c != nil {
		c.add(name, r.UserID)
	} else {
		t.otherChannels++
	}
}

// channel returns the counts of a channel, or nil if there are too many channels.
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

// counts is the state of one channel, or of all together.
type counts struct {
	total       int64
	emojis      map[string]*int64
	maxEmojis   int   // how many emojis are counted separately
	otherEmojis int64 // reactions of the other emojis
	users       *hyperloglog.Sketch
}

func newCounts(emojis int) *counts {
	return &counts{emojis: map[string]*int64{}, maxEmojis: emojis, users: hyperloglog.New14()}
}

func (g *counts) add(name string, user []byte) {
	g.total++
	g.users.Insert(user)
	n := g.emojis[name]
	if n == nil {
		if len(g.emojis) == g.maxEmojis {
			g.otherEmojis++
			return
		}
		n = new(int64)
		g.emojis[name] = n
	}
	*n++
}
