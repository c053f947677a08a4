package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/kafka"
)

// topicsFlags say which topics an installation has, and how they are made.
type topicsFlags struct {
	kafkaFlags
	clusters    []string
	servers     int
	partitions  int
	reducers    int
	replication int
	retention   time.Duration
	reactions   time.Duration
	counts      time.Duration
	swarms      time.Duration
	lateness    time.Duration
}

func newTopics(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "topics",
		Short: "Create or describe the topics with the right settings",
	}
	cmd.AddCommand(newTopicsCreate(io), newTopicsDescribe(io), newTopicsRetain(io))
	return cmd
}

func (f *topicsFlags) addNames(cmd *cobra.Command) {
	f.add(cmd)
	cmd.Flags().StringSliceVar(&f.clusters, "clusters", []string{"cluster_1", "cluster_2"}, "clusters of subscriber servers")
	cmd.Flags().IntVar(&f.servers, "subscribers", 6, "number of subscriber servers, sub1 and up")
}

// all are the topics in the data's order.
func (f *topicsFlags) all() ([]kafka.Topic, error) {
	if f.servers < 0 || f.servers > 9999 {
		return nil, usagef("--subscribers %d: want 0 to 9999", f.servers)
	}
	layout := f.layout()
	layout.Reactions, layout.Partials, layout.Replication = f.partitions, f.reducers, f.replication
	layout.Retention, layout.ReactionsRetention, layout.CountsRetention = f.retention, f.reactions, f.counts
	layout.SwarmRetention, layout.Lateness = f.swarms, f.lateness
	topics := []kafka.Topic{layout.ReactionsTopic(), layout.PartialsTopic(), layout.CountsTopic(), layout.ServersTopic()}
	for _, c := range f.clusters {
		if err := checkCluster(c); err != nil {
			return nil, usagef("--clusters: %w", err)
		}
		topics = append(topics, layout.ClusterTopic(c))
	}
	for n := range f.servers {
		topics = append(topics, layout.ServerTopic(fmt.Sprintf("sub%d", n+1)))
	}
	return topics, nil
}

func (f *topicsFlags) check() error {
	if f.partitions < 1 || f.reducers < 1 || f.replication < 0 {
		return usagef("--partitions and --reducers want at least 1, and --replication at least 0")
	}
	for flag, d := range map[string]time.Duration{
		"retention": f.retention, "swarm-retention": f.swarms,
		"reactions-retention": cmp.Or(f.reactions, f.retention), "counts-retention": cmp.Or(f.counts, f.retention),
	} {
		if d < leastRetention {
			return usagef("--%s %v: want at least %v", flag, d, leastRetention)
		}
	}
	return nil
}

func newTopicsDescribe(io streams) *cobra.Command {
	var (
		f   topicsFlags
		out outputFlag
	)
	cmd := &cobra.Command{
		Use:     "describe",
		Short:   "Tell how the topics are",
		Example: `  emostream topics describe -o json`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			asJSON, err := out.json()
			if err != nil {
				return err
			}
			topics, err := f.all()
			if err != nil {
				return err
			}
			var states []kafka.TopicState
			err = f.once(cmd.Context(), func(ctx context.Context, c *kafka.Client) (err error) {
				names := make([]string, len(topics))
				for i, t := range topics {
					names[i] = t.Name
				}
				states, err = c.Describe(ctx, names...)
				return err
			})
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(io.out).Encode(states)
			}
			return printTopics(io, states)
		},
	}
	f.addNames(cmd)
	out.add(cmd)
	return cmd
}

// forever is the retention that removes nothing, as it is written.
const forever = "forever"

// kept is retention.ms for a person.
func kept(ms string) string {
	switch d, err := time.ParseDuration(ms + "ms"); {
	case err != nil:
		return ms
	case d < 0:
		return forever
	default:
		return d.String()
	}
}

func printTopics(io streams, states []kafka.TopicState) error {
	w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "TOPIC\tPARTITIONS\tREPLICATION\tMIN ISR\tRETENTION\tCLEANUP\tSTATE")
	for _, t := range states {
		state := "ok"
		switch {
		case t.Hidden:
			_, _ = fmt.Fprintf(w, "%s\t-\t-\t-\t-\t-\thidden: needs Describe\n", t.Name)
			continue
		case !t.Exists:
			_, _ = fmt.Fprintf(w, "%s\t-\t-\t-\t-\t-\tmissing\n", t.Name)
			continue
		case t.Leaderless > 0:
			state = fmt.Sprintf("%d partitions without a leader", t.Leaderless)
		case t.UnderISR > 0:
			state = fmt.Sprintf("%d partitions under-replicated", t.UnderISR)
		case len(t.Config) == 0:
			state = "settings hidden: needs DescribeConfigs"
		}
		keep := "-"
		if t.Config["cleanup.policy"] != "compact" {
			keep = kept(t.Config["retention.ms"])
		}
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\t%s\n", t.Name, t.Partitions, t.Replication,
			t.Config["min.insync.replicas"], keep, t.Config["cleanup.policy"], state)
	}
	return w.Flush()
}

// onceTimeout is how long a command that asks Kafka one thing waits for it.
const onceTimeout = 15 * time.Second

// once runs something against Kafka that must not wait for ever.
func (f *kafkaFlags) once(ctx context.Context, do func(context.Context, *kafka.Client) error) error {
	c, err := f.open("topics", nil)
	if err != nil {
		return err
	}
	defer c.Close()
	bounded, cancel := context.WithTimeout(ctx, onceTimeout)
	defer cancel()
	if _, err = c.Ping(bounded); err != nil {
		err = unreached(err)
	} else {
		err = do(bounded, c)
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	return err
}
