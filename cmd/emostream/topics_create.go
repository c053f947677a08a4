package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/windowing"
)

// createReport says what topics create has done.
type createReport struct {
	Created     []string     `json:"created"`
	There       int          `json:"there"`
	Differences []difference `json:"otherwise"`
}

// difference is a setting of an existing topic that differs from the flags.
type difference struct {
	Topic string `json:"topic"`
	What  string `json:"what"` // partitions, replication, or the name of a setting
	Is    string `json:"is"`
	Asked string `json:"asked"`
}

func (o difference) String() string {
	switch o.What {
	case "partitions":
		n, _ := strconv.ParseInt(o.Is, 10, 64)
		return fmt.Sprintf("%s has %s, not %s: it stays as it is", o.Topic, text.Plural(n, "partition"), o.Asked)
	case retentionSetting:
		return fmt.Sprintf("%s keeps its records %s, not %s: it stays as it is, emostream topics retain changes it", o.Topic, retentionText(o.Is), retentionText(o.Asked))
	}
	return fmt.Sprintf("%s has %s %s, not %s: it stays as it is", o.Topic, o.What, o.Is, o.Asked)
}

// Settings of topics that flags of topics create set.
const (
	retentionSetting = "retention.ms"
	bytesSetting     = "retention.bytes"
	aheadSetting     = "message.timestamp.after.max.ms"
)

func newTopicsCreate(io streams) *cobra.Command {
	var (
		f   topicsFlags
		out outputFlag
	)
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Create the topics that are missing; others stay as they are",
		Example: `  emostream topics create --partitions 12
  emostream topics create --retention 72h --counts-retention 8760h`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			asJSON := out.json()
			if err := f.check(); err != nil {
				return err
			}
			topics, err := f.topics()
			if err != nil {
				return err
			}
			return f.withClient(cmd.Context(), "topics", func(ctx context.Context, c *kafka.Client) error {
				made, err := f.create(ctx, c, topics, given(cmd))
				return errors.Join(made.print(io, asJSON, err == nil), err)
			})
		},
	}
	f.addNames(cmd)
	fl := cmd.Flags()
	fl.IntVar(&f.partitions, "partitions", 4, "partitions of emoji-topic: the most aggregators that can share the counting")
	fl.IntVar(&f.reducers, "reducers", 1, "partitions of emoji-partials: the most aggregators that can share the adding up")
	fl.IntVar(&f.replication, "replication", 0, "copies of every partition; 0: three, or as many as there are brokers")
	fl.DurationVar(&f.retention, "retention", 24*time.Hour, "how long reactions and counts are kept; longer than aggregate is ever away")
	fl.DurationVar(&f.reactions, "reactions-retention", 0, "how long reactions are kept, to be replayed or exported; 0: as --retention")
	fl.Int64Var(&f.reactionsBytes, "reactions-bytes", kafka.DefaultReactionsBytes, "most bytes that a partition of emoji-topic keeps; more than comes while aggregate is ever away; -1: any number")
	fl.DurationVar(&f.counts, "counts-retention", 0, "how long counts are kept, to be exported; 0: as --retention")
	fl.DurationVar(&f.swarms, "swarm-retention", time.Hour, "how long swarms are kept")
	fl.DurationVar(&f.lateness, "lateness", windowing.DefaultLateness, "of aggregate; half of it is how far a reaction's time may be ahead of the brokers' clock")
	out.add(cmd)
	return cmd
}

// create creates the topics that are missing, and compares the others with the flags
// that were given.
func (f *topicsFlags) create(ctx context.Context, c *kafka.Client, topics []kafka.Topic, given func(string) bool) (createReport, error) {
	created, err := c.EnsureTopics(ctx, topics...)
	made := createReport{Created: append([]string{}, created...), Differences: []difference{}}
	if err != nil {
		return made, err
	}
	var there []kafka.Topic
	var names []string
	for _, t := range topics {
		if !slices.Contains(created, t.Name) {
			there, names = append(there, t), append(names, t.Name)
		}
	}
	made.There = len(there)
	if len(there) == 0 {
		return made, nil
	}
	states, err := c.Describe(ctx, names...)
	for i, is := range states {
		made.Differences = append(made.Differences, f.differences(there[i], is, given)...)
	}
	return made, err
}

// differences returns how a topic differs from the flags that were given. It leaves out
// settings that Kafka hides from this client.
func (f *topicsFlags) differences(asked kafka.Topic, is kafka.TopicState, given func(string) bool) (all []difference) {
	compare := func(what, is, want string, flags ...string) {
		if is != "" && is != want && slices.ContainsFunc(flags, given) {
			all = append(all, difference{asked.Name, what, is, want})
		}
	}
	if !is.Exists {
		return nil
	}
	partitions, keeps := "", []string{"swarm-retention"}
	switch names := f.names(); asked.Name {
	case names.Reactions():
		partitions, keeps = "partitions", []string{"retention", "reactions-retention"}
	case names.Partials():
		partitions, keeps = "reducers", []string{"retention"}
	case names.Counts():
		keeps = []string{"retention", "counts-retention"}
	}
	compare("partitions", strconv.Itoa(is.Partitions), strconv.Itoa(asked.Partitions), partitions)
	if asked.Replication > 0 {
		compare("replication", strconv.Itoa(is.Replication), strconv.Itoa(asked.Replication), "replication")
	}
	if want, ok := asked.Config[retentionSetting]; ok {
		compare(retentionSetting, is.Config[retentionSetting], want, keeps...)
	}
	if asked.MaxBytes != 0 {
		compare(bytesSetting, is.Config[bytesSetting], strconv.FormatInt(asked.MaxBytes, 10), "reactions-bytes")
	}
	if want, ok := asked.Config[aheadSetting]; ok {
		compare(aheadSetting, is.Config[aheadSetting], want, "lateness")
	}
	return all
}

// print prints the report. whole is false if create failed on the way.
func (m createReport) print(io streams, asJSON, whole bool) error {
	if asJSON {
		return writeJSON(io.out, m)
	}
	for _, name := range m.Created {
		_, _ = fmt.Fprintln(io.out, name)
	}
	for _, o := range m.Differences {
		_, _ = fmt.Fprintln(io.err, text.Clean(fmt.Sprint(o)))
	}
	if whole {
		_, _ = fmt.Fprintf(io.err, "%d topics created, %d were there\n", len(m.Created), m.There)
	}
	return nil
}

// ensureTopics creates the topics that are missing, and logs which.
func ensureTopics(ctx context.Context, c *kafka.Client, log *slog.Logger, topics ...kafka.Topic) error {
	created, err := c.EnsureTopics(ctx, topics...)
	if len(created) > 0 {
		log.Info("created topics", "topics", created)
	}
	return err
}
