// Package aggregator counts reactions: it turns emoji-topic into emoji-aggregated, the
// counts of each emoji in each window of each channel.
//
// It has two halves with a topic between them. A combiner counts one partition of
// emoji-topic into partials. A reducer adds up the partials of one partition of
// emoji-partials. Both are pure state machines (Combiner, Reducer), and Aggregator runs
// them in a claim loop. After a restart both read again from their commit. That does no
// harm, since what they emit are snapshots that only grow and merge by maximum: they
// may be emitted twice, by two copies, or out of order.
//
// internal/windowing has the rule that assigns reactions to windows, combiner.go what
// may be committed when, reducer.go which of two partials counts, reducer_marks.go when a
// window is closed, and resume.go where both go on after a restart.
package aggregator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/emostream/emostream/internal/claimloop"
	"github.com/emostream/emostream/internal/passedover"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// Config says how to count and where to write. Window, Lateness and Scale must be the
// same in all copies.
type Config struct {
	// Window is the length of a window, 200 ms to 1 min; default 2 s.
	Window time.Duration
	// Lateness is how far a record may be behind the newest record of its partition and
	// still be counted in the window of its own time; default 10 s.
	Lateness time.Duration
	// Grace is how long after a window's end its counts are first sent at most, so that
	// records that are still being written are counted, too; default 100 ms.
	Grace time.Duration
	Scale Scale
	// ResetLost lets a combiner begin at the log's start if it cannot go on from its
	// commit because records were removed, and a reducer go on without partials that were
	// removed.
	ResetLost bool
	// SkipNewer lets combiners and reducers pass over resets, partials and marks of a newer
	// format, instead of ending at them.
	SkipNewer bool
	// SkipOtherMarks lets a reducer pass over marks of other settings or numbers of
	// partitions, instead of ending at them. It is right only where no aggregate wrote
	// them.
	SkipOtherMarks bool
	// MaxHeld is how many counts of single emojis a reducer holds at most; default
	// 2 million (see ReducerConfig).
	MaxHeld int

	Reactions          string        // full name of emoji-topic
	ReactionPartitions int           // of emoji-topic; 0: as the first mark says
	Partials           stream.Writer // writes to emoji-partials
	PartialPartitions  int           // of emoji-partials
	Counts             stream.Writer // writes to emoji-aggregated
	CountPartitions    int           // of emoji-aggregated

	// Claimed, if set, is called with each partition when its counting begins.
	Claimed func(topic string, partition int)

	Logger  *slog.Logger
	Metrics prometheus.Registerer // nil: none
}

// Aggregator runs combiners and reducers on the partitions that it is given.
type Aggregator struct {
	cfg        Config
	windows    windowing.Windows
	metrics    metrics
	passedOver *passedover.Reporter
}

func (c Config) withDefaults() Config {
	c.Window = cmp.Or(c.Window, windowing.DefaultWindow)
	c.Lateness = cmp.Or(c.Lateness, windowing.DefaultLateness)
	c.Grace = cmp.Or(c.Grace, 100*time.Millisecond)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Claimed == nil {
		c.Claimed = func(string, int) {}
	}
	return c
}

// New returns an aggregator. It fails if the window length or the lateness is out of
// bounds.
func New(cfg Config) (*Aggregator, error) {
	cfg = cfg.withDefaults()
	w, err := windowing.New(cfg.Window, cfg.Lateness)
	if err != nil {
		return nil, err
	}
	return &Aggregator{
		cfg: cfg, windows: w, metrics: newMetrics(cfg.Metrics),
		passedOver: passedover.New("aggregate", cfg.Logger, cfg.Metrics),
	}, nil
}

// Combine counts a partition of emoji-topic into emoji-partials until ctx ends. It
// returns an error if trying again cannot help, for example a *CommitError or a
// *SettingsError. The error wraps stream.ErrFenced if another copy has claimed the
// partition.
func (a *Aggregator) Combine(ctx context.Context, claim stream.Claim) error {
	c, err := NewCombiner(CombinerConfig{
		Windows: a.windows, Grace: a.cfg.Grace,
		Partition: claim.Partition, Partitions: claim.Partitions, Reducers: a.cfg.PartialPartitions,
		TopicID: claim.TopicIDs[claim.Topic],
	}, claim.Committed, claim.Start, claim.End, a.cfg.ResetLost)
	if err != nil {
		return err
	}
	a.cfg.Claimed(claim.Topic, claim.Partition)
	a.cfg.Logger.Debug("combining", "partition", claim.Partition, "from", c.Position(), "end", claim.End)
	var late int64 // of all batches before
	ahead := a.newWatermarkWatch(claim.Partition)
	defer ahead.forget()
	partition := strconv.Itoa(claim.Partition)
	defer a.metrics.grace.DeleteLabelValues(partition)
	err = claimloop.Loop[PartialsEmission]{
		Name: fmt.Sprintf("combine partition %d", claim.Partition), Claim: claim, Machine: c, Lag: a.metrics.lag,
		Write:      a.writePartials,
		PassedOver: a.passedOver,
		Stops:      a.stops,
		OnBatch: func(b stream.Batch) {
			a.metrics.reactions.Add(float64(len(b.Records)))
			a.metrics.late.Add(float64(c.Late() - late))
			late = c.Late()
			a.metrics.grace.WithLabelValues(partition).Set(c.Grace().Seconds())
			ahead.check(c.state, time.Now())
		},
		BacklogInterval: minEmission, // writing and committing after each fetch would take longer than counting
	}.Run(ctx)
	if lost, ok := errors.AsType[*stream.OutOfRangeError](err); ok && !lost.Replaced() {
		return &CommitError{claim.Partition, fmt.Sprintf("retention has overtaken the counting: %v", lost)}
	}
	return err
}

func (a *Aggregator) writePartials(ctx context.Context, e PartialsEmission) error {
	for partition, records := range e.Records {
		if err := a.cfg.Partials.Write(ctx, partition, records); err != nil {
			return err
		}
	}
	return nil
}

// Reduce adds up a partition of emoji-partials into emoji-aggregated until ctx ends.
// Its errors are like those of Combine.
func (a *Aggregator) Reduce(ctx context.Context, claim stream.Claim) error {
	if o := claim.Committed.Offset; o > claim.End {
		a.cfg.Logger.Warn("the log is shorter than what was added up of it: beginning at its start",
			"topic", claim.Topic, "partition", claim.Partition, "committed", o, "end", claim.End)
		claim.Committed = stream.Commit{Offset: claim.Start}
	} else if _, ours, err := wire.DecodeCommit[wire.ReducerCommit](claim.Committed.Metadata); err == nil && !ours && claim.Committed.Offset != stream.None {
		a.cfg.Logger.Warn("another program has reset the consumer group: beginning at the log's start",
			"topic", claim.Topic, "partition", claim.Partition, "committed", claim.Committed.Offset, "start", claim.Start)
	}
	r, err := NewReducer(ReducerConfig{
		Windows: a.windows, Scale: a.cfg.Scale, Partition: claim.Partition, Partitions: claim.Partitions, Sources: a.cfg.ReactionPartitions, TopicID: claim.TopicIDs[a.cfg.Reactions], MaxHeld: a.cfg.MaxHeld,
	}, claim.Committed, claim.Start, a.cfg.ResetLost)
	if err != nil {
		return err
	}
	a.cfg.Claimed(claim.Topic, claim.Partition)
	partition := strconv.Itoa(claim.Partition)
	defer a.metrics.open.DeleteLabelValues(partition)
	var late int64 // of all batches before
	return claimloop.Loop[CountsEmission]{
		Name: "reduce partition " + partition, Claim: claim, Machine: r, Lag: a.metrics.lag,
		Write:      a.writeCounts,
		PassedOver: a.passedOver,
		Stops:      a.stops,
		OnBatch: func(stream.Batch) {
			a.metrics.latePartials.Add(float64(r.Late() - late))
			a.metrics.open.WithLabelValues(partition).Set(float64(r.Open()))
			late = r.Late()
		},
		OnLost: func(lost *stream.OutOfRangeError) error { return r.Lose(lost.Start) },
	}.Run(ctx)
}

// stops says whether a combiner or a reducer must end with an error of Add, because going
// on would miscount: another copy counts by other settings, for other numbers of
// partitions, or in a newer format, or what is needed to go on was removed.
func (a *Aggregator) stops(err error) bool {
	if _, newer := errors.AsType[*wire.NewerFormatError](err); newer {
		return !a.cfg.SkipNewer
	}
	if _, other := errors.AsType[*OtherMarkError](err); other {
		return !a.cfg.SkipOtherMarks
	}
	_, commit := errors.AsType[*CommitError](err)
	_, partials := errors.AsType[*PartialsError](err)
	return commit || partials
}

// writeCounts writes an emission with one call for each partition. The records of each
// window stay together.
func (a *Aggregator) writeCounts(ctx context.Context, e CountsEmission) error {
	byPartition := make([][]stream.Record, a.cfg.CountPartitions)
	for _, w := range e.Windows {
		p := wire.PartitionOf(w.Key, a.cfg.CountPartitions)
		byPartition[p] = append(byPartition[p], w.Records...)
	}
	for p, records := range byPartition {
		if len(records) == 0 {
			continue
		}
		if err := a.cfg.Counts.Write(ctx, p, records); err != nil {
			return err
		}
	}
	a.measure(e)
	return nil
}

// measure updates the metrics for an emission that was written.
func (a *Aggregator) measure(e CountsEmission) {
	for _, w := range e.Windows {
		if w.Revision {
			a.metrics.revisions.Inc()
		} else {
			a.metrics.windows.Inc()
			a.metrics.delay.Observe(float64(e.at-w.End) / 1000)
		}
		a.cfg.Logger.Debug("window counted", "channel", w.Channel, "end", time.UnixMilli(w.End).UTC().Format(wire.TimeFormat),
			"reactions", w.Reactions, "emojis", len(w.Records), "revision", w.Revision)
	}
}
