package aggregator

import (
	"encoding/json"
	"fmt"

	"github.com/emostream/emostream/internal/stream"
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
// With reset it begins at the log's start instead. It fails with a *SettingsError if
// the commit was made with other settings.
func NewCombiner(cfg CombinerConfig, commit stream.Commit, start, end int64, reset bool) (*Combiner, error) {
	c := &Combiner{
		windows:          cfg.Windows,
		grace:            cfg.Grace.Milliseconds(),
		partition:        cfg.Partition,
		partitions:       cfg.Partitions,
		reducers:         cfg.Reducers,
		watermark:        Never,
		reported:         Never,
		closed:           Never,
		emittedWatermark: Never,
		confirmedAt:      Never,
		open:             map[int64]*openWindow{},
	}
	if err := c.resume(commit, start, end, reset); err != nil {
		return nil, err
	}
	return c, nil
}

// resume makes the combiner go on from a commit.
func (c *Combiner) resume(commit stream.Commit, start, end int64, reset bool) error {
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
		if err := json.Unmarshal([]byte(commit.Metadata), &meta); err != nil || meta.Version != wire.FormatVersion {
			problem = fmt.Sprintf("the commit at %d was not made by this version of aggregate (its metadata is %.80q)", commit.Offset, commit.Metadata)
			meta = wire.CombinerCommit{}
		} else if meta.Settings != c.windows.Settings() {
			return &SettingsError{"emoji-topic", c.partition, meta.Settings, c.windows.Settings()}
		}
	}
	c.position, c.emitted, c.emittedWatermark = commit.Offset, meta.Emitted, meta.EmittedWatermark
	switch {
	case problem == "":
		c.watermark, c.closed = meta.Watermark, meta.Closed
	case commit.Offset < start && start <= meta.Emitted && meta.Emitted <= end:
		// Nobody reacted for longer than the retention, which removed the records of
		// the windows that were open. All of them had been emitted. They are closed
		// here, as a record of a later time would close them.
		c.position = meta.Emitted
		c.closed = max(meta.Closed, c.windows.Of(meta.EmittedWatermark))
		c.watermark = c.closed + c.windows.Lateness
	case reset:
		c.position, c.emitted, c.emittedWatermark = start, 0, Never
		if meta.Version == 0 {
			break
		}
		// What was counted stays counted. The committed watermark is right at the log's
		// start only if all records before the commit were removed. Otherwise they are
		// read again, and under that watermark they would be late.
		c.closed = meta.Closed
		if commit.Offset <= start {
			c.watermark = meta.Watermark
		}
	default:
		return &CommitError{c.partition, problem}
	}
	return nil
}

// NewReducer returns a reducer that goes on from a commit. The log begins at start, and
// partials before that are gone. NewReducer fails with a *SettingsError if the commit
// was made with other settings.
func NewReducer(windows Windows, scale Scale, partition, partitions int, commit stream.Commit, start int64) (*Reducer, error) {
	r := &Reducer{
		windows: windows, partition: partition, partitions: partitions, scale: scale,
		position: max(start, commit.Offset, 0), floor: Never, confirmedFloor: Never, open: map[key]*total{},
	}
	if err := r.resume(commit, start); err != nil {
		return nil, err
	}
	return r, nil
}

// resume makes the reducer go on from a commit.
func (r *Reducer) resume(commit stream.Commit, start int64) error {
	if commit.Offset == stream.None {
		return nil
	}
	var meta wire.ReducerCommit
	if err := json.Unmarshal([]byte(commit.Metadata), &meta); err != nil || meta.Version != wire.FormatVersion {
		return fmt.Errorf("emoji-partials/%d: the commit at %d was not made by this version of aggregate (its metadata is %.80q)", r.partition, commit.Offset, commit.Metadata)
	}
	if meta.Settings != r.windows.Settings() {
		return &SettingsError{"emoji-partials", r.partition, meta.Settings, r.windows.Settings()}
	}
	r.floor, r.confirmedFloor, r.emitted = meta.Floor, meta.Floor, meta.Emitted
	r.lost = max(commit.Offset, meta.Emitted) < start
	return nil
}
