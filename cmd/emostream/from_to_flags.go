package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/kafka"
)

// fromToFlags say which range of a topic a command reads, and which reactions of it.
type fromToFlags struct {
	kafkaFlags
	logFlags
	from, to string
	last     time.Duration
	channels []string
	emojis   []string
}

func (f *fromToFlags) add(cmd *cobra.Command) {
	f.addWithDefaults(cmd, "the beginning of the topic", "what is there now")
}

// addWithDefaults adds the flags. The help of --from and --to gives begin and end as
// their defaults.
func (f *fromToFlags) addWithDefaults(cmd *cobra.Command, begin, end string) {
	f.kafkaFlags.add(cmd)
	f.logFlags.add(cmd, "warn")
	fl := cmd.Flags()
	fl.StringVar(&f.from, "from", "", "where to begin: a time like 2026-11-23T14:42:00Z or a date, how long ago like 10m, now, or an offset; default "+begin)
	fl.StringVar(&f.to, "to", "", "where to end (exclusive), in the same forms; default "+end)
	fl.DurationVar(&f.last, "last", 0, "how far back to begin, as in 10m: the same as --from 10m")
	fl.StringSliceVar(&f.channels, "channel", nil, "only reactions in this channel; several separated by commas")
	fl.StringSliceVar(&f.emojis, "emoji", nil, "only this emoji, or its shortcode; several separated by commas")
}

// bounds returns the beginning and the end of the range. Relative times count back from now.
func (f *fromToFlags) bounds(now time.Time) (from, to topicreader.Bound, err error) {
	if f.last < 0 || f.last > 0 && f.from != "" {
		return from, to, usagef("--last %v: want how long, like 10m, and no --from beside it", f.last)
	}
	if from, err = topicreader.ParseBound(f.from, now); err != nil {
		return from, to, usagef("--from %w", err)
	}
	if to, err = topicreader.ParseBound(f.to, now); err != nil {
		return from, to, usagef("--to %w", err)
	}
	if f.last > 0 {
		from = topicreader.At(now.Add(-f.last))
	}
	switch {
	case from.Now && to != topicreader.Bound{},
		!from.Time.IsZero() && !to.Time.IsZero() && !from.Time.Before(to.Time),
		from.Offset != nil && to.Offset != nil && *from.Offset >= *to.Offset:
		return from, to, usagef("--from %s is not before --to %s", f.from, f.to)
	}
	return from, to, nil
}

// filter says which reactions of the range are wanted.
func (f *fromToFlags) filter() (topicreader.Filter, error) {
	for _, c := range f.channels {
		if err := checkChannel("--channel", c); err != nil {
			return topicreader.Filter{}, err
		}
	}
	filter, err := topicreader.NewFilter(f.channels, f.emojis)
	if err != nil {
		return topicreader.Filter{}, usagef("--emoji: %w", err)
	}
	return filter, nil
}

// client returns a client of a Kafka that answers.
func (f *fromToFlags) client(ctx context.Context, io streams, role string) (*kafka.Client, error) {
	log := f.logger(io.err)
	return f.openAndPing(ctx, role, log)
}

// read connects to Kafka and calls do with a range of a topic.
func (f *fromToFlags) read(ctx context.Context, io streams, role string, cfg topicreader.Config, do func(*topicreader.Range) error) error {
	c, err := f.client(ctx, io, role)
	if err != nil {
		return err
	}
	defer c.Close()
	cfg.Client = c
	s, err := topicreader.Open(ctx, cfg)
	if ctx.Err() != nil {
		return errInterrupted
	}
	if err != nil {
		return err
	}
	err = do(s)
	if !cfg.Follow {
		printUnread(io.err, s.Unread()...)
	}
	return err
}
