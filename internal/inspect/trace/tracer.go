// Package trace follows single reactions through a pipeline, and tells where each is
// and how long each hop took.
//
// A reaction is not marked on its way, and becomes part of counts. Counts only grow;
// from that it is concluded, exactly, whether one holds the reaction:
//
//   - A partial holds the reaction if it is of the same partition, window and channel,
//     and the record's offset is in its range of offsets.
//   - A count of emoji-aggregated holds it once it reaches the sum of what the partials
//     of all partitions, as read until then, say of its emoji. Reducers read the same
//     partials in the same order; before the partial that holds the reaction their sum
//     was smaller by one at least.
//   - A swarm holds it once its total reaches the sum of the greatest counts of the
//     window that were known when that count was read, for the same reason.
//
// Where nobody writes partials, as with a Spark job in aggregate's place, a reaction's
// window is the one that its record's time falls into; the length of windows is taken
// from the counts. A count then holds the reaction once it reaches the number of
// reactions of that window and emoji in the log, up to and with this one. A job that
// assigns windows by another time may never reach it; then the window's last count is
// taken to hold the reaction.
//
// The time of each stage from the log on is when the caller had read the record there,
// so that all these hops are measured by one clock. Tracer is pure: it does no I/O and
// reads no clock. Follow feeds one from Kafka.
package trace

import (
	"time"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// Config says what to follow. Its zero value follows everything.
type Config struct {
	// Wants says which reactions to follow; nil: all.
	Wants func(wire.ReactionFields) bool
	// MaxFollowed is how many reactions are followed at once; default 10,000. If there
	// are more, only every second one is followed, or every fourth, and so on.
	MaxFollowed int
	// StuckAfter is how long a reaction may stay at a stage before it is given up as
	// stuck; default 30 s. Before the end of its window the time does not run.
	StuckAfter time.Duration
	// End, if set, is the number of reactions, done or stuck, after which the report is
	// complete.
	End int64
	// Partials says that the program that counts writes partials to emoji-partials.
	Partials bool
	// Began is the time from which on all of emoji-topic is read, in ms. Without
	// partials, reactions of windows that began earlier cannot be followed.
	Began int64
}

// Bounds of what is kept in memory.
const (
	defaultMaxFollowed = 10_000
	defaultStuckAfter  = 30 * time.Second
	keepWindows        = int64(time.Minute / time.Millisecond) // ms after their end, of windows in which no reaction is followed
	maxNumbers         = 500_000                               // in all windows together
)

// The aggregator's default settings, which are assumed until a mark was read.
const (
	usualWindow   = 2000  // ms
	usualLateness = 10000 // ms
)

// Tracer follows reactions. Its owner hands over every record of each topic, in the
// order of its partition, with the time at which it was read in µs since the Unix
// epoch. The owner also calls Tick and Finished now and then. A Tracer is not safe for
// concurrent use.
type Tracer struct {
	cfg      Config
	settings wire.Settings
	phase    int64                   // ms from the multiples of the windows' length to their beginnings
	states   map[int]windowing.State // by partition of emoji-topic, after its last reaction

	all        map[*followed]bool
	sampling   int64                  // one in so many of the wanted reactions is followed
	notCounted map[source][]*followed // reactions that no partial has held yet
	windows    map[windowKey]*windowState
	clusters   map[string]bool
	servers    map[string]bool // by topic; false: not waited for

	totals   totals
	finished []Journey
	shown    [shownAtOnce]*followed
	shownAt  int64 // when the last one was chosen, µs
}

// source is what a partial is made of: the reactions of one channel in one partition.
type source struct {
	partition int
	channel   string
}

// followed is the state of a reaction that is followed.
type followed struct {
	Journey
	n           int64           // its number among the wanted reactions
	time        int64           // of the record, ms
	before      windowing.State // of its partition
	since       int64           // when it reached its present stage, µs
	need        int64           // the least count that holds it
	total       int64           // the least total of a swarm that holds it
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
		states: map[int]windowing.State{}, all: map[*followed]bool{}, sampling: 1, notCounted: map[source][]*followed{},
		windows: map[windowKey]*windowState{}, clusters: map[string]bool{}, servers: map[string]bool{}, totals: newTotals(),
	}
}

// Cluster adds the topic of a cluster, which reactions have to reach.
func (t *Tracer) Cluster(topic string) { t.clusters[topic] = true }

// Server adds the topic of a subscriber server. A silent one is not waited for until a
// record is read from it.
func (t *Tracer) Server(topic string, silent bool) { t.servers[topic] = !silent }

// HasPartials says that emoji-partials exists now.
func (t *Tracer) HasPartials() { t.cfg.Partials = true }

// Reaction takes in a record of a partition of emoji-topic.
func (t *Tracer) Reaction(partition int, r stream.Record, at int64) {
	before, known := t.states[partition]
	if !known {
		before = windowing.Begin()
	}
	told, err := wire.DecodeReactionFields(r.Value)
	if err != nil {
		var isReset bool
		if t.states[partition], isReset, _ = windowing.Of(t.settings).ResetBy(before, r.Value, r.Offset); !isReset {
			t.totals.skipped++
		}
		return
	}
	_, _, t.states[partition] = windowing.Of(t.settings).Assign(before, r.Time)
	f := followed{time: r.Time, before: before, since: at}
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

// numberInWindow is for pipelines without partials. It numbers the reactions of an
// emoji in a window: a count holds the reaction once it reaches the reaction's number.
// It returns false if the beginning of the window was not read.
func (t *Tracer) numberInWindow(f *followed, emoji string) bool {
	f.WindowEnd = windowing.Of(t.settings).Of(f.time-t.phase) + t.phase
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

// countedBefore says whether a partial that was read already holds a reaction. If so,
// it notes that the reaction is counted.
func (t *Tracer) countedBefore(f *followed) bool {
	g := t.windows[windowKey{t.assignedWindow(f), f.Channel}]
	if g == nil || !g.holds(f.Partition, f.Offset) {
		return false
	}
	t.counted(f, g)
	return true
}

// assignedWindow returns the end, in ms, of the window that aggregate assigns a
// reaction to.
func (t *Tracer) assignedWindow(f *followed) int64 {
	end, _, _ := windowing.Of(t.settings).Assign(f.before, f.time)
	return end
}
