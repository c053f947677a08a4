package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/windowing"
)

// aggregateFlags are the settings of aggregate.
type aggregateFlags struct {
	window    time.Duration
	lateness  time.Duration
	scale     string
	resetLost bool
	skipNewer bool
	skipMarks bool

	claimed func(topic string, partition int) // called for each partition that is claimed; may be nil
}

// check says what is wrong with the settings, nil if nothing is.
func (f *aggregateFlags) check() error {
	if _, err := aggregator.ParseScale(f.scale); err != nil {
		return settingError(err)
	}
	if _, err := windowing.New(f.window, f.lateness); err != nil {
		return usagef("--%w", err)
	}
	return nil
}

func (f *aggregateFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.DurationVar(&f.window, "window", windowing.DefaultWindow, "length of a window, 200ms to 1m: how often the crowd's mood is told")
	fl.DurationVar(&f.lateness, "lateness", windowing.DefaultLateness, "how far behind the newest reaction one may be and still be counted in the window of its time")
	fl.StringVar(&f.scale, "scale", "linear:10:10", "how many emojis are shown for a count: linear:T:D (1 below T, else count/D) or log:B; ,cap=N after it is the most")
	fl.BoolVar(&f.resetLost, "reset-lost", false, "go on where reactions or partials that were not counted are gone, from what is left of the log")
	fl.BoolVar(&f.skipNewer, "skip-newer", false, "pass over what a newer version wrote to emoji-topic or emoji-partials, instead of stopping; counts may be wrong")
	fl.BoolVar(&f.skipMarks, "skip-other-marks", false, "pass over marks in emoji-partials of other settings or numbers of partitions, instead of stopping; only where no aggregate wrote them")
}

func newAggregate(io streams) *cobra.Command {
	var (
		flags     stageFlags
		aggregate aggregateFlags
	)
	cmd := &cobra.Command{
		Use:   "aggregate",
		Short: "Count reactions in windows, exactly",
		Long: `Aggregate counts emoji-topic into emoji-aggregated, each reaction once. Any number
of copies share the work; all must have the same --window, --lateness and --scale.`,
		Example: `  emostream aggregate --brokers kafka1:9092,kafka2:9092 --window 1s`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.run(cmd.Context(), io, "aggregate", func(ctx context.Context, s stage) error {
				return runAggregate(ctx, s, aggregate)
			})
		},
	}
	flags.add(cmd)
	aggregate.add(cmd)
	return cmd
}

func runAggregate(ctx context.Context, s stage, f aggregateFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	scale, err := aggregator.ParseScale(f.scale)
	if err != nil {
		return settingError(err)
	}
	layout, names := s.layout(), s.names()
	layout.Lateness = f.lateness
	topics := []kafka.Topic{layout.ReactionsTopic(), layout.PartialsTopic(), layout.CountsTopic()}
	if err := ensureTopics(ctx, s.client, s.log, topics...); err != nil {
		return err
	}
	reactions, err := s.client.Partitions(ctx, names.Reactions())
	if err != nil {
		return err
	}
	partials, err := s.client.Partitions(ctx, names.Partials())
	if err != nil {
		return err
	}
	counts, err := s.client.Partitions(ctx, names.Counts())
	if err != nil {
		return err
	}
	a, err := aggregator.New(aggregator.Config{
		Window: f.window, Lateness: f.lateness, Scale: scale, ResetLost: f.resetLost, SkipNewer: f.skipNewer, SkipOtherMarks: f.skipMarks,
		Reactions: names.Reactions(), ReactionPartitions: reactions,
		Partials: s.client.Writer(names.Partials()), PartialPartitions: partials,
		Counts: s.client.Writer(names.Counts()), CountPartitions: counts,
		Claimed: f.claimed, Logger: s.log, Metrics: s.metrics,
	})
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return kafka.NewTopicKeeper(s.client, topics...).Run(ctx) })
	g.Go(func() error {
		return s.client.Consume(ctx, s.group("combine"), names.Reactions(), withAdvice(a.Combine), names.Partials())
	})
	g.Go(func() error {
		return s.client.Consume(ctx, s.group("reduce"), names.Partials(), withAdvice(a.Reduce), names.Counts(), names.Reactions())
	})
	return g.Wait()
}
