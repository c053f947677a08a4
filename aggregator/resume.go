package aggregator

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/text/quote"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// CommitError says that a combiner cannot go on from its commit, because reactions were
// removed. With Config.ResetLost it begins at the log's start instead.
type CommitError struct {
	Partition int // of emoji-topic
	Problem   string
}

func (e *CommitError) Error() string {
	return fmt.Sprintf("emoji-topic/%d: %s. Reactions may not be counted, or be counted apart from those already counted in their window", e.Partition, e.Problem)
}

// SettingsError says that another aggregate has counted a partition with other
// settings.
type SettingsError struct {
	Topic        string // emoji-topic or emoji-partials
	Partition    int
	Theirs, Ours wire.Settings
}

func (e *SettingsError) Error() string {
	return fmt.Sprintf("%s/%d was counted with %v and this aggregate was started with %v: all copies must use the same", e.Topic, e.Partition, e.Theirs, e.Ours)
}

// NewCombiner returns a combiner that goes on from a commit. The log holds the offsets
// from start up to, and without, end. NewCombiner fails with a *CommitError if records
// between the commit and the log are missing, or if the commit is not a combiner's.
// With resetLost it begins at the log's start instead. It fails with a *SettingsError if
// the commit was made with other settings.
func NewCombiner(cfg CombinerConfig, commit stream.Commit, start, end int64, resetLost bool) (*Combiner, error) {
	c := &Combiner{
		windows:     cfg.Windows,
		grace:       newGrace(cfg.Grace.Milliseconds(), cfg.Windows.Length),
		partition:   cfg.Partition,
		partitions:  cfg.Partitions,
		reducers:    cfg.Reducers,
		topicID:     cfg.TopicID,
		state:       windowing.Begin(),
		reported:    windowing.Never,
		closed:      windowing.Never,
		cut:         windowing.Never,
		emitted:     emitted{state: windowing.Begin()},
		confirmedAt: windowing.Never,
		open:        map[int64]*openWindow{},
	}
	if err := c.resume(commit, start, end, resetLost); err != nil {
		return nil, err
	}
	return c, nil
}

// resume makes the combiner go on from a commit.
func (c *Combiner) resume(commit stream.Commit, start, end int64, resetLost bool) error {
	problem := ""
	switch {
	case commit.Offset == stream.None && start == 0:
		return nil
	case commit.Offset == stream.None:
		problem = fmt.Sprintf("nothing was committed yet and the log starts at %d, so that records before it are gone", start)
	case commit.Offset < start:
		problem = fmt.Sprintf("the commit at %d is below the log's start at %d, so that records between them are gone", commit.Offset, start)
	case commit.Offset > end:
		problem = fmt.Sprintf("the commit at %d is beyond the log's end at %d: the log has lost its tail, or was made anew", commit.Offset, end)
	}
	var meta wire.CombinerCommit
	if commit.Offset != stream.None {
		var ours bool
		var err error
		switch meta, ours, err = wire.DecodeCommit[wire.CombinerCommit](commit.Metadata); {
		case err != nil:
			problem = fmt.Sprintf("the commit at %d cannot be read: %v", commit.Offset, err)
		case !ours:
			problem = fmt.Sprintf("the commit at %d is not aggregate's (its metadata is %s): another program has reset the consumer group, as kafka-consumer-groups --reset-offsets does, "+
				"and what was counted before that offset is not known", commit.Offset, quote.Text(commit.Metadata, 80))
		case meta.Settings != c.windows.Settings():
			return &SettingsError{"emoji-topic", c.partition, meta.Settings, c.windows.Settings()}
		}
	}
	c.position = commit.Offset
	if meta.Version > 0 && meta.Emitted <= end {
		c.emitted = emittedOf(meta)
	}
	switch {
	case problem == "":
		c.closed = meta.Closed
		c.state = windowing.StateOf(meta)
		if meta.Cut != 0 {
			c.cutOff(meta.Cut, resetLost)
		}
		c.cutOffAhead(meta.CutAhead, resetLost)
	case commit.Offset < start && start <= meta.Emitted && meta.Emitted <= end:
		// Nobody reacted for longer than the retention, which removed the records of
		// the windows that were open. All that was removed had been emitted, so these
		// windows are closed here. If a later record belongs to one of them
		// nevertheless, nobody knows whether it was counted there: it may have been
		// emitted after this commit. Then Add fails.
		c.position, c.state, c.closed = c.emitted.position, c.emitted.state, meta.Closed
		ahead := c.windows.Join(meta.CutAhead, c.emitted.displaced)
		switch at := c.emitted.pendingAt; {
		case at > 0 && at >= start: // it is counted again, in the same window
			c.position, c.state.Pending = at, 0
		case c.state.Pending != 0:
			end := c.windows.OfPending(c.state)
			ahead = c.windows.Join(ahead, []wire.WindowRange{{end, end}})
		}
		if c.state.Watermark != windowing.Never {
			c.cutOff(c.windows.Of(c.state.Watermark), resetLost)
		}
		c.cutOffAhead(ahead, resetLost)
	case resetLost:
		c.position, c.emitted = start, emitted{state: windowing.Begin()}
		if meta.Version == 0 {
			break
		}
		// What was counted stays counted. The committed watermark is right at the log's
		// start only if all records before the commit were removed. Otherwise they are
		// read again, and under that watermark they would be late.
		c.closed, c.state.Reset = meta.Closed, meta.Reset
		if commit.Offset <= start {
			c.state.Watermark = meta.Watermark
		}
	default:
		return &CommitError{c.partition, problem}
	}
	return nil
}

// cutOff notes that retention has removed the first reactions of the windows up to that
// which ends at end. They are not closed before the watermark closes them: another copy,
// which was taken for dead, may still hold all of them, and send what came since. With
// resetLost they are closed, and later reactions of them are counted in the next window,
// perhaps for the second time.
func (c *Combiner) cutOff(end int64, resetLost bool) {
	if resetLost {
		c.closed = max(c.closed, end)
		c.state.Watermark = max(c.state.Watermark, end+c.windows.Lateness)
	} else {
		c.cut = end
	}
}

// cutOffAhead is like cutOff, for these windows and no others.
func (c *Combiner) cutOffAhead(windows []wire.WindowRange, resetLost bool) {
	if resetLost {
		c.state.Spent = c.windows.JoinUpTo(wire.MaxWindowRanges, c.state.Spent, windows)
	} else {
		c.cutAhead = windows
	}
}

// isCut says whether the window that ends at end was cut off.
func (c *Combiner) isCut(end int64) bool { return end <= c.cut || windowing.Contains(c.cutAhead, end) }

// emittedOf returns the position that a commit tells, at which all was emitted.
func emittedOf(meta wire.CombinerCommit) emitted {
	return emitted{
		position: meta.Emitted, pendingAt: meta.EmittedPendingAt, displaced: meta.EmittedDisplaced,
		state: windowing.State{
			Watermark: meta.EmittedWatermark, Pending: meta.EmittedPending, Spent: meta.EmittedSpent,
			Skipped: meta.EmittedSkipped, Reset: meta.EmittedReset,
		},
	}
}

// errNoTime says why a reaction is passed over that has no time.
var errNoTime = errors.New("a reaction without a time is not counted after a silence, since it would belong to a window whose first reactions retention has removed")

// addCut takes in a reaction of a window that was cut off. It may have been counted there
// after the commit, so that it can neither be counted nor left out without a word. A
// reaction that has no time is none of serve's, and must not stop the counting at every
// start.
func (c *Combiner) addCut(r stream.Record) error {
	switch {
	case r.Offset < c.emitted.position:
		return nil // it was counted
	case !wire.IsTime(r.Time):
		return errNoTime
	}
	return &CommitError{c.partition, fmt.Sprintf("retention has removed the first records of a window, and the record at %d belongs to it, so that it is not known whether that was counted", r.Offset)}
}

// PartialsError says that a reducer cannot go on, because partials were removed that it
// needs. With Config.ResetLost it goes on without them.
type PartialsError struct {
	Partition int // of emoji-partials
	Problem   string
}

func (e *PartialsError) Error() string {
	return fmt.Sprintf("emoji-partials/%d: %s. Reactions that were counted may be missing from emoji-aggregated", e.Partition, e.Problem)
}

// ReducerConfig says which partition a Reducer adds up, and how.
type ReducerConfig struct {
	Windows    windowing.Windows
	Scale      Scale
	Partition  int    // of emoji-partials
	Partitions int    // how many partitions emoji-partials has
	Sources    int    // how many partitions emoji-topic has; 0: as the first mark says
	TopicID    string // of emoji-topic; empty: not known
	// MaxHeld is how many counts of single emojis the reducer holds at most, about 100
	// bytes each; default 2 million. A partial takes as much as four more. Beyond that
	// the reducer gives windows up, and reads them again when they are closed.
	MaxHeld int
}

// NewReducer returns a reducer that goes on from a commit. The log begins at start, and
// partials before that are gone. If the commit has no metadata of a reducer, because
// Kafka's tools have reset the consumer group, it begins at the log's start. That is
// safe, since what it emits are snapshots.
//
// NewReducer fails with a *SettingsError if the commit was made with other settings. It
// fails with a *PartialsError if partials are gone that were not emitted, or if nothing
// was committed and partials are gone, unless resetLost is set.
func NewReducer(cfg ReducerConfig, commit stream.Commit, start int64, resetLost bool) (*Reducer, error) {
	r := &Reducer{
		windows: cfg.Windows, partition: cfg.Partition, partitions: cfg.Partitions, topicID: cfg.TopicID, scale: cfg.Scale,
		maxHeld: cmp.Or(cfg.MaxHeld, 2_000_000), position: max(start, commit.Offset, 0),
		floor: windowing.Never, confirmedFloor: windowing.Never, closed: windowing.Never, newest: windowing.Never, readAt: windowing.Never,
		open: map[key]*total{}, givenUp: givenUp{windows: map[int64]*givenUpWindow{}, unread: math.MaxInt64},
	}
	if err := r.resume(commit, start, resetLost); err != nil {
		return nil, err
	}
	r.sources = newSources(cfg.Sources, r.resets)
	return r, nil
}

// resume makes the reducer go on from a commit.
func (r *Reducer) resume(commit stream.Commit, start int64, resetLost bool) error {
	if commit.Offset == stream.None {
		if start > 0 && !resetLost {
			return &PartialsError{r.partition, fmt.Sprintf("nothing was committed yet and the log starts at %d, so that partials before it are gone", start)}
		}
		return nil
	}
	meta, ours, err := wire.DecodeCommit[wire.ReducerCommit](commit.Metadata)
	switch {
	case err != nil:
		return fmt.Errorf("emoji-partials/%d: the commit at %d cannot be read: %w", r.partition, commit.Offset, err)
	case !ours:
		r.position = start
		return nil
	case meta.Settings != r.windows.Settings():
		return &SettingsError{"emoji-partials", r.partition, meta.Settings, r.windows.Settings()}
	}
	r.floor, r.confirmedFloor, r.closed, r.emitted, r.countedEmitted = meta.Floor, meta.Floor, meta.Floor, meta.Emitted, meta.Counted
	r.counted, r.read, r.resets = slices.Clone(meta.Counted), slices.Clone(meta.Counted), meta.Resets
	r.openAtEmitted, r.reopened = meta.Open, meta.Reopened
	if isOther(meta.TopicID, r.topicID) { // offsets and resets of that one say nothing
		r.counted, r.read, r.countedEmitted, r.resets, meta.Counted = nil, nil, nil, nil, nil
	}
	if resetLost {
		return nil
	}
	r.lost, r.lostCounted = meta.Lost, meta.Counted
	if commit.Offset < start {
		if meta.Emitted < start {
			return &PartialsError{r.partition, fmt.Sprintf("retention has removed the partials up to %d, and only those before %d were added up", start, meta.Emitted)}
		}
		for _, o := range meta.Open {
			if o.From < start {
				r.lose(wire.WindowRange{o.Oldest, o.Newest})
			}
		}
	}
	return nil
}

// lose notes windows of which retention has removed partials.
func (r *Reducer) lose(windows wire.WindowRange) {
	r.lost = r.windows.JoinUpTo(maxLost, r.lost, []wire.WindowRange{windows})
}
