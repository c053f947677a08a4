package watermark

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// Config says of which installation watermarks are reset.
type Config struct {
	Client          *kafka.Client
	Names           wire.Topics
	Combine, Reduce string // the groups of these roles, by their full names
	// DryRun says to change nothing.
	DryRun bool
	// Stall is how long an answer of the brokers may take.
	Stall time.Duration
	// Progress, if set, is called with the number of records read and the number that
	// there are to read.
	Progress func(read, known int64)
}

// Report says what was reset.
type Report struct {
	// Ahead are the partitions whose watermark was ahead of the clock.
	Ahead []Partition `json:"ahead"`
	// Reset says whether they were reset.
	Reset bool `json:"reset"`
}

// Partition is a partition whose watermark was ahead of the clock, or of which an earlier
// reset has begun and did not end.
type Partition struct {
	Partition int       `json:"partition"`
	Watermark wire.Time `json:"watermark"` // what it was
	// Until is the end of the first window in which reactions of now are counted, after
	// the reset if there was one.
	Until wire.Time `json:"until"`
	// Unfinished says that it is not ahead, and an earlier reset did not end.
	Unfinished bool `json:"unfinished,omitempty"`
}

// maxSkew is by how much the clock of whoever resets watermarks may be off.
const maxSkew = 2 * time.Second

// Reset resets the watermarks that are ahead of the clock, as internal/windowing says. It
// loses nothing that was counted, also while aggregate runs or is away. Once it has begun
// to write, the end of ctx does not stop it. If it fails then, it has to be done again.
func Reset(ctx context.Context, cfg Config) (Report, error) {
	r := resetter{Config: cfg, report: Report{Ahead: []Partition{}}}
	if err := r.prepare(ctx); err != nil {
		return r.report, err
	}
	if err := r.readAll(ctx); err != nil {
		return r.report, err
	}
	if err := r.find(ctx); err != nil || len(r.report.Ahead) == 0 || cfg.DryRun {
		return r.report, err
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(4*cfg.Stall, time.Minute))
	defer cancel()
	if err := r.write(bounded); err != nil {
		return r.report, fmt.Errorf("the reset has begun and is not done: run %s again: %w", Command, err)
	}
	r.report.Reset = true
	return r.report, nil
}

// resetter is one run.
type resetter struct {
	Config
	windows    windowing.Windows // zero until a commit tells the settings
	partitions []*partition      // of emoji-topic
	reducers   int               // how many partitions emoji-partials has
	topicID    string            // of emoji-topic
	clockAhead time.Duration     // of this machine, against the brokers'
	read       int64
	known      int64
	report     Report
}

// partition is what was read of a partition of emoji-topic.
type partition struct {
	cursor *topicreader.Cursor
	state  windowing.State // after the last record that was read
	end    int64
	held   int64 // the end when the hold was written
}

// now returns the time by the brokers' clock, ms.
func (r *resetter) now() int64 { return time.Now().Add(-r.clockAhead).UnixMilli() }

// prepare finds out how the reactions are counted, and where the commits are. It asks the
// commits and no marks: anybody who may write to emoji-partials can forge these.
func (r *resetter) prepare(ctx context.Context) error {
	reactions := r.Names.Reactions()
	n, err := r.Client.Partitions(ctx, reactions)
	if err != nil {
		return err
	}
	if r.topicID, err = r.Client.TopicID(ctx, reactions); err != nil {
		return err
	}
	if r.reducers, err = r.Client.Partitions(ctx, r.Names.Partials()); err != nil {
		return err
	}
	if n > wire.MaxResettable {
		return fmt.Errorf("%s has %d partitions, and watermarks of at most %d can be reset", reactions, n, wire.MaxResettable)
	}
	ahead, known, err := r.Client.ClockSkew(ctx, r.Names.Clock())
	if err != nil && !kafka.Permanent(err) && !kafka.NoTopic(err) { // it may be not allowed
		return err
	}
	if known && ahead.Abs() > maxSkew {
		return fmt.Errorf("this machine's clock is %v off Kafka's: set it first (chrony, NTP)", ahead.Round(time.Second))
	}
	r.clockAhead = ahead
	for p := range n {
		c, err := r.begin(ctx, p)
		if err != nil {
			return err
		}
		r.partitions = append(r.partitions, c)
	}
	if r.windows == (windowing.Windows{}) {
		return fmt.Errorf("aggregate has counted nothing yet (%s has committed nothing of %s): no watermark can be ahead", r.Combine, reactions)
	}
	return nil
}

// begin returns a partition as aggregate's commit tells it.
func (r *resetter) begin(ctx context.Context, p int) (*partition, error) {
	commit, err := r.Client.Committed(ctx, r.Combine, r.Names.Reactions(), p)
	if err != nil {
		return nil, err
	}
	start := &partition{cursor: topicreader.NewCursor(r.Client, r.Names.Reactions(), p, r.Stall), state: windowing.Begin()}
	meta, ours, err := wire.DecodeCommit[wire.CombinerCommit](commit.Metadata)
	if err != nil {
		return nil, fmt.Errorf("the commit of %s at %s/%d cannot be read: %w", r.Combine, r.Names.Reactions(), p, err)
	}
	if ours {
		switch windows := windowing.Of(meta.Settings); r.windows {
		case windowing.Windows{}:
			r.windows = windows
		case windows:
		default:
			return nil, fmt.Errorf("%s was counted with different settings, in partition %d with %v: emostream doctor says what to do", r.Names.Reactions(), p, meta.Settings)
		}
		start.state = windowing.StateOf(meta)
		start.cursor.MoveTo(commit.Offset)
	}
	return start, nil
}

// readAll reads all partitions on to their present ends.
func (r *resetter) readAll(ctx context.Context) error {
	r.read, r.known = 0, 0
	for p, c := range r.partitions {
		start, end, err := c.cursor.Ends(ctx)
		if err != nil {
			return err
		}
		if c.end = end; c.cursor.Next() < start {
			if c.cursor.Next() > 0 {
				return fmt.Errorf("%s/%d: retention has removed reactions that aggregate has not committed, so that it stops: emostream doctor says what to do", r.Names.Reactions(), p)
			}
			c.cursor.MoveTo(start) // aggregate has not begun
		}
		r.known += end - c.cursor.Next()
	}
	for p, c := range r.partitions {
		if err := c.cursor.Read(ctx, c.end, func(records []stream.Record) error { return r.take(c, records) }, nil); err != nil {
			return err
		}
		if c.cursor.Next() < c.end {
			return fmt.Errorf("%s/%d: a transaction of another program is open at offset %d: end it first, or abort it (kafka-transactions.sh)", r.Names.Reactions(), p, c.cursor.Next())
		}
	}
	return nil
}

// take follows the watermark of a partition through records.
func (r *resetter) take(c *partition, records []stream.Record) error {
	for _, rec := range records {
		if _, err := wire.DecodeCountedFields(rec.Value); err == nil {
			_, _, c.state = r.windows.Assign(c.state, rec.Time)
			continue
		}
		var err error
		c.state, _, err = r.windows.ResetBy(c.state, rec.Value, rec.Offset)
		if _, newer := errors.AsType[*wire.NewerFormatError](err); newer {
			return err
		}
	}
	if r.read += int64(len(records)); r.Progress != nil {
		r.Progress(r.read, r.known)
	}
	return nil
}

// find finds the partitions that are to be reset: those that are ahead of the clock, and
// those of which an earlier reset began, so that reducers wait for its end.
func (r *resetter) find(ctx context.Context) error {
	begun, err := begunResets(ctx, r.Client, r.Reduce, r.Names.Partials(), r.reducers)
	if err != nil {
		return err
	}
	for p, c := range r.partitions {
		until, isAhead := r.windows.ShownFrom(c.state, r.now())
		if isAhead || c.state.Reset < begun[p] {
			r.report.Ahead = append(r.report.Ahead, Partition{p, wire.Time(c.state.Watermark), wire.Time(until), !isAhead})
		}
	}
	return nil
}

// write resets the partitions that were found.
func (r *resetter) write(ctx context.Context) error {
	now := r.now()
	partials := r.Client.Writer(r.Names.Partials())
	for _, found := range r.report.Ahead {
		c := r.partitions[found.Partition]
		c.held = c.end
		hold := r.windows.HoldAt(now, wire.Mark{
			Partition: found.Partition, Partitions: len(r.partitions), Reducers: r.reducers, TopicID: r.topicID, Settings: r.windows.Settings(),
		}, c.end)
		for reducer := range r.reducers {
			record := stream.Record{Time: now, Value: wire.Progress{Mark: &hold}.Encode()}
			if err := partials.Write(ctx, reducer, []stream.Record{record}); err != nil {
				return err
			}
		}
	}
	if err := r.readAll(ctx); err != nil {
		return err
	}
	states := make([]windowing.State, len(r.partitions))
	for p, c := range r.partitions {
		states[p] = c.state
	}
	now = max(now, r.now())
	reset := r.windows.ResetAt(now, states)
	reactions := r.Client.Writer(r.Names.Reactions())
	for i, found := range r.report.Ahead {
		c := r.partitions[found.Partition]
		reset.Held = c.held
		if err := reactions.Write(ctx, found.Partition, []stream.Record{{Time: now, Value: reset.Encode()}}); err != nil {
			return err
		}
		until, _, _ := r.windows.Assign(r.windows.Reset(c.state, reset, c.end), now)
		r.report.Ahead[i].Until = wire.Time(until)
	}
	return nil
}
