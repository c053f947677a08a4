// Package aggregator counts reactions: it turns emoji-topic into
// emoji-aggregated, each window of each channel as totals by emoji.
//
// It has two halves that meet in a topic. A combiner counts one partition of
// emoji-topic into partials; a reducer adds up the partials of one partition of
// emoji-partials. Both are pure state machines (Combiner, Reducer) under a thin
// shell (Aggregator), and both recover by reading again from their commit: what
// they emit are snapshots that only grow and merge by maximum, so that emitting
// twice, by two copies, or out of order does no harm.
//
// What is exact and why: window.go has the rule that gives each record its
// window, combiner.go what may be committed when, reducer.go which partial wins.
package aggregator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/emostream/emostream/internal/lag"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// Config says how to count and where to write. Window, Lateness and Scale must
// be the same for all copies.
type Config struct {
	// Window is the length of a window, 200 ms to 1 min; default 2 s.
	Window time.Duration
	// Lateness is how far behind the newest record of its partition a record
	// may be and still be counted in the window of its time; default 10 s.
	Lateness time.Duration
	// Grace is how long after a window's end its counts are first sent on, for
	// what is still on its way then; default 100 ms.
	Grace time.Duration
	Scale Scale
	// ResetLost lets a combiner begin at the log's start when it cannot go on
	// from its commit because records are gone.
	ResetLost bool

	Partials          stream.Writer // to emoji-partials
	PartialPartitions int           // of emoji-partials
	Counts            stream.Writer // to emoji-aggregated
	CountPartitions   int           // of emoji-aggregated

	// Claimed, if set, is told of each partition whose counting begins.
	Claimed func(topic string, partition int)

	Logger  *slog.Logger
	Metrics prometheus.Registerer // nil: none
}

// Aggregator runs combiners and reducers on the partitions it is given.
type Aggregator struct {
	cfg     Config
	windows Windows
	metrics metrics
}

// New checks the settings.
func New(cfg Config) (*Aggregator, error) {
	if cfg.Window == 0 {
		cfg.Window = 2 * time.Second
	}
	if cfg.Lateness == 0 {
		cfg.Lateness = 10 * time.Second
	}
	if cfg.Grace == 0 {
		cfg.Grace = 100 * time.Millisecond
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Claimed == nil {
		cfg.Claimed = func(string, int) {}
	}
	w, err := NewWindows(cfg.Window, cfg.Lateness)
	if err != nil {
		return nil, err
	}
	return &Aggregator{cfg: cfg, windows: w, metrics: newMetrics(cfg.Metrics)}, nil
}

// idle is how long a fetch waits at most, so that a partition that falls silent
// is looked at all the same.
const idle = time.Second

// Combine counts a partition of emoji-topic into emoji-partials until ctx ends.
// It returns an error that trying again cannot mend, or one that wraps
// stream.ErrFenced when the partition has passed to another copy.
func (a *Aggregator) Combine(ctx context.Context, claim stream.Claim) error {
	c, err := NewCombiner(CombinerConfig{
		Windows: a.windows, Grace: a.cfg.Grace,
		Partition: claim.Partition, Partitions: claim.Partitions, Reducers: a.cfg.PartialPartitions,
	}, claim.Committed, claim.Start, claim.End, a.cfg.ResetLost)
	if err != nil {
		return err
	}
	a.cfg.Claimed(claim.Topic, claim.Partition)
	a.cfg.Logger.Debug("combining", "partition", claim.Partition, "from", c.Position(), "end", claim.End)
	defer a.metrics.lag.Left(claim)
	var late, skipped int64
	var emitted time.Time
	committed := claim.Committed
	for {
		b, err := claim.Log.Fetch(ctx, c.Position(), c.wait(time.Now().UnixMilli()))
		if gone, ok := errors.AsType[*stream.OutOfRangeError](err); ok {
			return &ErrCommit{claim.Partition, fmt.Sprintf("retention has overtaken the counting: %v", gone)}
		}
		if err != nil {
			return err
		}
		for _, r := range b.Records {
			c.Add(r.Offset, r.Time, r.Value)
		}
		c.Read(b.Next, b.AtEnd(), b.SentAt.UnixMilli())
		a.metrics.reactions.Add(float64(len(b.Records)))
		a.metrics.late.Add(float64(c.Late() - late))
		a.metrics.skipped.Add(float64(c.Skipped() - skipped))
		if n := c.Skipped() - skipped; n > 0 {
			a.cfg.Logger.Warn("records of emoji-topic are no reactions and were not counted", "partition", claim.Partition, "records", n, "before", c.Position())
		}
		late, skipped = c.Late(), c.Skipped()
		a.metrics.lag.Set(claim, b.HighWatermark-c.Position())

		if !b.AtEnd() && time.Since(emitted) < minEmission {
			continue // a backlog: to write and commit after each fetch would take longer than to count
		}
		e, due := c.Emit(time.Now().UnixMilli())
		if !due {
			continue
		}
		for partition, records := range e.Records {
			if err := a.cfg.Partials.Write(ctx, partition, records); err != nil {
				return fmt.Errorf("combine partition %d: %w", claim.Partition, err)
			}
		}
		c.Confirm(e)
		if next := c.Commit(); next != committed {
			if err := claim.Offsets.Commit(ctx, next); err != nil {
				return fmt.Errorf("combine partition %d: %w", claim.Partition, err)
			}
			committed = next
		}
		emitted = time.Now()
	}
}

// wait is how long a fetch may wait for records at now: until something is due
// by the clock, and not at all if one is due and it is not known yet that all of it was
// read.
func (c *Combiner) wait(now int64) time.Duration {
	if c.reported < c.windows.Ended(now-c.grace) {
		return 0
	}
	return min(idle, time.Duration(max(0, c.NextDue(now)-now))*time.Millisecond)
}

// Reduce adds up a partition of emoji-partials into emoji-aggregated until ctx
// ends. Its errors are like Combine's.
func (a *Aggregator) Reduce(ctx context.Context, claim stream.Claim) error {
	if o := claim.Committed.Offset; o > claim.End {
		a.cfg.Logger.Warn("the log is shorter than what was added up of it: beginning at its start",
			"topic", claim.Topic, "partition", claim.Partition, "committed", o, "end", claim.End)
		claim.Committed = stream.Commit{Offset: stream.None}
	}
	r, err := NewReducer(a.windows, a.cfg.Scale, claim.Partition, claim.Partitions, claim.Committed, claim.Start)
	if err != nil {
		return err
	}
	a.cfg.Claimed(claim.Topic, claim.Partition)
	if r.Gone() {
		a.cfg.Logger.Warn("partials are gone that may not have been added up: aggregate was away for longer than the topic's retention",
			"topic", claim.Topic, "partition", claim.Partition, "committed", claim.Committed.Offset, "start", claim.Start)
	}
	defer a.metrics.lag.Left(claim)
	defer a.metrics.open.DeleteLabelValues(strconv.Itoa(claim.Partition))
	var late int64
	committed := claim.Committed
	for {
		wait := idle
		if at, ok := r.NextDue(); ok {
			wait = min(idle, max(0, time.Until(time.UnixMilli(at))))
		}
		b, err := claim.Log.Fetch(ctx, r.Position(), wait)
		if gone, ok := errors.AsType[*stream.OutOfRangeError](err); ok && gone.Start > r.Position() {
			a.cfg.Logger.Warn("partials are gone before they were added up", "error", err)
			r.Read(gone.Start)
			continue
		}
		if err != nil {
			return err
		}
		for _, rec := range b.Records {
			if err := r.Add(rec.Offset, rec.Value); err != nil {
				return err
			}
		}
		r.Read(b.Next)
		a.metrics.latePartials.Add(float64(r.Late() - late))
		late = r.Late()
		a.metrics.lag.Set(claim, b.HighWatermark-r.Position())

		now := time.Now().UnixMilli()
		if e, due := r.Emit(now); due {
			if err := a.write(ctx, e); err != nil {
				return fmt.Errorf("reduce partition %d: %w", claim.Partition, err)
			}
			r.Confirm(e)
			a.record(e, now)
		}
		if next := r.Commit(); next != committed {
			if err := claim.Offsets.Commit(ctx, next); err != nil {
				return fmt.Errorf("reduce partition %d: %w", claim.Partition, err)
			}
			committed = next
		}
		a.metrics.open.WithLabelValues(strconv.Itoa(claim.Partition)).Set(float64(r.Open()))
	}
}

// write appends each window's records together, all of one partition at once.
func (a *Aggregator) write(ctx context.Context, e Counted) error {
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
	return nil
}

func (a *Aggregator) record(e Counted, now int64) {
	for _, w := range e.Windows {
		if w.Revision {
			a.metrics.revisions.Inc()
		} else {
			a.metrics.windows.Inc()
			a.metrics.delay.Observe(float64(now-w.End) / 1000)
		}
		a.cfg.Logger.Debug("window counted", "channel", w.Channel, "end", time.UnixMilli(w.End).UTC().Format(wire.TimeFormat),
			"reactions", w.Reactions, "emojis", len(w.Records), "revision", w.Revision)
	}
}

type metrics struct {
	reactions    prometheus.Counter
	late         prometheus.Counter
	skipped      prometheus.Counter
	latePartials prometheus.Counter
	windows      prometheus.Counter
	revisions    prometheus.Counter
	delay        prometheus.Histogram
	lag          lag.Gauge
	open         *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) metrics {
	f := promauto.With(reg)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: "emostream_aggregate_" + name, Help: help})
	}
	return metrics{
		reactions:    counter("records_read_total", "Records read from emoji-topic, those read again after a restart too."),
		late:         counter("late_records_total", "Reactions counted in a later window than their own, because that was closed."),
		skipped:      counter("skipped_records_total", "Records of emoji-topic that are no reactions."),
		latePartials: counter("late_partials_total", "Partials ignored because their window was closed everywhere."),
		windows:      counter("windows_total", "Windows of channels emitted for the first time."),
		revisions:    counter("revisions_total", "Windows of channels emitted again because they grew."),
		delay: f.NewHistogram(prometheus.HistogramOpts{
			Name: "emostream_aggregate_window_delay_seconds", Help: "Time from a window's end to the first emission of its counts.",
			Buckets: []float64{.1, .11, .12, .15, .2, .3, .5, .75, 1, 2, 5, 10, 30},
		}),
		lag: lag.New(reg, "emostream_aggregate_lag_records"),
		open: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "emostream_aggregate_open_windows", Help: "Windows of channels that can still grow.",
		}, []string{"partition"}),
	}
}
