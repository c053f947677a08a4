// Package trace follows single reactions through a pipeline, and tells where each is
// and how long each hop took.
//
// A reaction is not marked on its way: it becomes part of counts. That a count holds
// it is concluded, exactly, from what counts promise, which is that they only grow:
//
//   - A partial holds the reaction if it is of its partition, window and channel, and
//     its range of offsets covers the record's.
//   - A count of emoji-aggregated holds it once it reaches the sum, over all partitions,
//     of what the partials known by then said of its emoji. Reducers read the same
//     partials in the same order: before that one the sum was smaller by one at least.
//   - A swarm holds it once its total reaches the sum of the greatest counts of the
//     window known when the count was read, by the same argument.
//
// Where nobody writes partials, as with a Spark job in aggregate's place, the window is
// that of the record's time, as long as the counts' windows are, and the count must
// reach the number of such reactions in the log so far. A job that assigns windows by
// another time may fall short of that; then the window's last count is taken for it.
//
// The times of the log's readers are those at which whoever calls has read a record. So
// all hops from the log on are by one clock. Tracer is pure: it does no I/O and reads no
// clock. Follow feeds one from Kafka.
package trace

import (
	"time"

	"github.com/emostream/emostream/internal/inspect/verify"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// Config says what to follow. It is useful at its zero value.
type Config struct {
	// Wants says which reactions to follow; nil: all.
	Wants func(wire.ReactionFields) bool
	// MaxFollowed is how many are followed at once; default 10,000. When there are
	// more, only every second one is followed, or every fourth, and so on.
	MaxFollowed int
	// StuckAfter is how long a reaction may stay at a stage, counted from its window's
	// end at the earliest, before it is given up as stuck; default 30 s.
	StuckAfter time.Duration
	// End, if set, is how many are followed to their end, whatever that is.
	End int64
	// Partials says that the counting tells in emoji-partials what it holds.
	Partials bool
	// Began is the time from which on all of emoji-topic is read, ms. Where there are
	// no partials, windows that began before cannot be followed.
	Began int64
}

// Bounds of what is kept.
const (
	defaultMaxFollowed = 10_000
	defaultStuckAfter  = 30 * time.Second
	keepWindows        = int64(time.Minute / time.Millisecond) // ms, of windows that nobody waits for
	maxNumbers         = 500_000                               // in all groups together
)

// What aggregate counts by unless it says something else.
const (
	usualWindow   = 2000  // ms
	usualLateness = 10000 // ms
)

// Tracer follows reactions. Its owner hands over every record of each topic in the
// order of its partitions, with the time at which it was read in µs since the Unix
// epoch, and calls Tick and Finished now and then. It is not safe for concurrent use.
type Tracer struct {
	cfg        Config
	settings   wire.Settings
	phase      int64         // ms: windows begin so long after the multiples of their length
	watermarks map[int]int64 // by partition of emoji-topic, ms

	all        map[*followed]bool
	sampling   int64                  // of those wanted one in so many is followed
	notCounted map[source][]*followed // those that no partial held yet
	windows    map[windowKey]*windowState
	clusters   map[string]bool
	servers    map[string]bool // whether they are waited for

	totals   totals
	finished []Journey
	shown    [shownAtOnce]*followed
	shownAt  int64 // when the last of them was chosen, µs
}

// source is where a partial is from.
type source struct {
	partition int
	channel   string
}

// followed is a reaction that is followed.
type followed struct {
	Journey
	n           int64 // of those wanted
	time        int64 // the record's, ms
	watermark   int64 // of its partition before it
	since       int64 // when it came where it is, µs
	need        int64 // the count that holds it
	total       int64 // the swarm's total that does
	windowState *windowState
	over        bool // done, stuck or not followed any more
}

// New returns a tracer that follows nothing yet.
func New(cfg Config) *Tracer {
	if cfg.MaxFollowed <= 0 {
		cfg.MaxFollowed = defaultMaxFollowed
	}
	if cfg.StuckAfter <= 0 {
		cfg.StuckAfter = defaultStuckAfter
	}
	return &Tracer{
		cfg: cfg, settings: wire.Settings{WindowMS: usualWindow, LatenessMS: usualLateness},
		watermarks: map[int]int64{}, all: map[*followed]bool{}, sampling: 1, notCounted: map[source][]*followed{},
		windows: map[windowKey]*windowState{}, clusters: map[string]bool{}, servers: map[string]bool{}, totals: newTotals(),
	}
}

// Cluster says that there is a cluster's topic, which reactions are to get to.
func (t *Tracer) Cluster(topic string) { t.clusters[topic] = true }

// Server says that there is a subscriber server's topic. One that is silent is not
// waited for until it speaks.
func (t *Tracer) Server(topic string, silent bool) { t.servers[topic] = !silent }

// HasPartials says that emoji-partials is there now.
func (t *Tracer) HasPartials() { t.cfg.Partials = true }

// Reaction takes in a record of a partition of emoji-topic.
func (t *Tracer) Reaction(partition int, r stream.Record, at int64) {
	before, known := t.watermarks[partition]
	if !known {
		before = verify.Never
	}
	t.watermarks[partition] = max(before, r.Time)
	told, err := wire.DecodeReactionFields(r.Value)
	if err != nil {
		t.totals.skipped++
		return
	}
	f := followed{time: r.Time, watermark: before, since: at}
	f.Journey = Journey{Partition: partition, Offset: r.Offset, Channel: wire.MainChannel}
	if len(told.Channel) > 0 {
		f.Channel = string(told.Channel)
	}
	f.At[Accepted], f.At[Logged] = r.Time*1000, at
	traceable := t.cfg.Partials || t.numberInWindow(&f, string(told.Emoji))
	if t.cfg.Wants != nil && !t.cfg.Wants(told) || !t.sample(&f, traceable) {
		return
	}
	f.User, f.Emoji = string(told.UserID), string(told.Emoji)
	if tapped, err := time.Parse(time.RFC3339, string(told.Timestamp)); err == nil {
		f.At[Tap] = tapped.UnixMicro()
	}
	t.begin(&f, at)
}

// numberInWindow counts the reactions of each emoji in each window where there are no
// partials: the reaction is in the window's count once that reaches its number. It
// returns false if the beginning of the window was not read.
func (t *Tracer) numberInWindow(f *followed, emoji string) bool {
	end, _ := verify.Assign(t.settings, f.time-t.phase, verify.Never)
	f.WindowEnd = end + t.phase
	if f.WindowEnd-t.settings.WindowMS < t.cfg.Began {
		return false
	}
	f.windowState = t.windowOf(windowKey{f.WindowEnd, f.Channel})
	c := f.windowState.emoji(emoji)
	c.seen++
	f.need = c.seen
	return true
}

func (t *Tracer) begin(f *followed, at int64) {
	t.all[f] = true
	t.totals.followed++
	t.show(f, at)
	if !t.cfg.Partials {
		f.windowState.followedCount++
		t.await(f)
		return
	}
	if t.countedBefore(f) {
		return
	}
	from := source{f.Partition, f.Channel}
	t.notCounted[from] = append(t.notCounted[from], f)
}

// countedBefore says whether a partial that was read already holds a reaction; then it
// notes that.
func (t *Tracer) countedBefore(f *followed) bool {
	g := t.windows[windowKey{t.assignedWindow(f), f.Channel}]
	if g == nil || !g.holds(f.Partition, f.Offset) {
		return false
	}
	t.counted(f, g)
	return true
}

// assignedWindow is the end of the window that aggregate assigns a reaction to, ms.
func (t *Tracer) assignedWindow(f *followed) int64 {
	end, _ := verify.Assign(t.settings, f.time, f.watermark)
	return end
}
