package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
)

// consumeFlags are the settings of consume.
type consumeFlags struct {
	fromToFlags
	out           outputFlag
	topic         string
	partition     int
	fromBeginning bool
	users         []string
	records       int
	verify        verifyFlags
	trace         traceFlags
}

func newConsume(io streams) *cobra.Command {
	var f consumeFlags
	cmd := &cobra.Command{
		Use:   "consume",
		Short: "Follow a topic or reactions, or verify that each was counted once",
		Long: `Consume follows a topic and prints a line for each record: of emoji-topic the
reactions, with the time from the client's timestamp to the record's; of any other
its JSON. It joins no consumer group, so that it takes nothing from anybody, and
needs a Kafka with the topic, whoever runs it and writes there.
It goes on as records come, unless --to or --records ends it.

With --trace it follows reactions from emoji-topic to the subscriber servers, live,
and tells where they are and how long each hop took. Tapped is the client's
timestamp, by its clock (if it is RFC 3339; else that hop is left out); accepted the
record's time, by the main server's clock. From the log on, each instant is when
this command could read a record that holds the reaction, by this machine's clock:
counted in emoji-partials, aggregated in emoji-aggregated, in a cluster in the first
cluster_N, at a subscriber and at every subscriber in the first and in the last
sub_N. The wait for the window's end is a hop of its own. Means add up to the mean
from end to end, as hops do; percentiles never do. Where a Spark job counts there
are no partials: then a reaction is in the window of its record's time, and is
aggregated once the count reaches its number in the log.

With --verify it reads emoji-topic and emoji-aggregated from their beginning,
compares them window by window, and fails with exit code 4 if a reaction was lost
or counted twice. It may run while reactions come in: it lets the window that is
open end, and waits for the counting to catch up. What retention has removed is
left out, and told of. Where a Spark job counts, only totals are compared, and
reactions that are newer than all windows it has written are open, not lost.`,
		Example: `  emostream consume
  emostream consume --from 10m --emoji :fire:,:tada: --channel main
  emostream consume --topic emoji-aggregated --from-beginning -o json
  emostream consume --topic cluster_1 --partition 0 --from 0 -n 10
  emostream consume --trace
  emostream consume --trace -n 100 --user ann -o json
  emostream consume --verify
  emostream consume --verify -o json --brokers kafka1:9092 --wait 1m`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd, io) },
	}
	f.addWithDefaults(cmd, "now", "never: it goes on as records come")
	fl := cmd.Flags()
	fl.StringVar(&f.topic, "topic", wire.Topics{}.Reactions(), "topic to follow, without the prefix: emoji-topic, emoji-aggregated, cluster_1, sub_1 ...")
	fl.IntVar(&f.partition, "partition", -1, "follow this partition alone, as an offset means another record in each; -1: all")
	fl.BoolVar(&f.fromBeginning, "from-beginning", false, "begin with the oldest record that there is")
	fl.StringSliceVar(&f.users, "user", nil, "only reactions of this user id; several separated by commas")
	fl.IntVarP(&f.records, "records", "n", 0, "end after so many records, or reactions of a trace; 0: never")
	f.verify.add(cmd)
	f.trace.add(cmd)
	f.out.add(cmd)
	return cmd
}

func (f *consumeFlags) run(cmd *cobra.Command, io streams) error {
	asJSON := f.out.json()
	if err := f.check(cmd); err != nil {
		return err
	}
	if f.verify.verify {
		return f.runVerify(cmd.Context(), io, asJSON)
	}
	if f.trace.trace {
		return f.runTrace(cmd.Context(), io, asJSON)
	}
	return f.follow(cmd.Context(), io, asJSON)
}

func (f *consumeFlags) check(cmd *cobra.Command) error {
	if err := wire.CheckTopicName(f.topic); err != nil {
		return usagef("--topic: %w", err)
	}
	if f.records < 0 {
		return usagef("--records %d: want at least 0", f.records)
	}
	if f.partition < -1 {
		return usagef("--partition %d: want one from 0 on, or -1 for all", f.partition)
	}
	if f.fromBeginning && (given(cmd)("from") || given(cmd)("last")) {
		return usagef("--from-beginning says where to begin: leave out --from and --last")
	}
	if err := f.trace.check(cmd); err != nil {
		return err
	}
	return f.verify.check(cmd)
}

// follow prints the records of a topic until ctx ends, the range ends, or enough were
// printed.
func (f *consumeFlags) follow(ctx context.Context, io streams, asJSON bool) error {
	cfg, err := f.readerConfig()
	if err != nil {
		return err
	}
	wants, err := f.wanted()
	if err != nil {
		return err
	}
	p := newRecordPrinter(io.out, cfg.Topic, asJSON)
	p.reactions, p.maxRecords, p.wants = cfg.Topic == f.names().Reactions(), f.records, wants
	var printed time.Time
	cfg.Unread = func(u topicreader.Unread) {
		if now := time.Now(); now.Sub(printed) >= time.Second {
			printed = now
			printUnread(io.err, u)
		}
	}
	err = f.read(ctx, io, "consume", cfg, func(s *topicreader.Range) error {
		n := s.Partitions()
		if f.partition >= 0 {
			n = 1
		}
		_, _ = fmt.Fprintf(io.err, "following %s, %s\n", cfg.Topic, text.Plural(int64(n), "partition"))
		err := s.Each(ctx, p.print)
		printGone(io.err, s.Progress().Gone)
		_, _ = fmt.Fprintf(io.err, "%s\n", text.Plural(int64(p.printed), "record"))
		return err
	})
	switch _, missing := errors.AsType[*topicreader.PartitionError](err); {
	case errors.Is(err, errEnough):
		return nil
	case ctx.Err() != nil:
		return f.signalError()
	case missing:
		return usagef("--partition: %w", err)
	}
	return err
}

// readerConfig says which part of which topic is read.
func (f *consumeFlags) readerConfig() (topicreader.Config, error) {
	from, to, err := f.bounds(time.Now())
	if err != nil {
		return topicreader.Config{}, err
	}
	if from == (topicreader.Bound{}) && !f.fromBeginning {
		from = topicreader.AtEnd()
	}
	cfg := topicreader.Config{Topic: f.topicPrefix + f.topic, From: from, To: to, Follow: true}
	if f.partition >= 0 {
		cfg.Partition = &f.partition
	}
	return cfg, nil
}

// signalError returns the error of a command that a signal ended: nil if it would have
// gone on for ever, errInterrupted if it would have ended by itself.
func (f *consumeFlags) signalError() error {
	if f.records > 0 || f.to != "" || f.verify.verify {
		return errInterrupted
	}
	return nil
}
