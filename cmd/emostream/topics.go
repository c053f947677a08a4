package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/kafka"
)

// topicsFlags say which topics an installation has and how they are created.
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

	reactionsBytes int64
}

// minReactionsBytes is the least that a partition of emoji-topic may keep: half a minute
// at 20,000 reactions a second.
const minReactionsBytes = 64 << 20

func newTopics(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "topics",
		Short: "Create, describe and mend the topics",
	}
	cmd.AddCommand(newTopicsCreate(io), newTopicsDescribe(io), newTopicsRetain(io), newTopicsResetWatermark(io))
	return cmd
}

func (f *topicsFlags) addNames(cmd *cobra.Command) {
	f.add(cmd)
	cmd.Flags().StringSliceVar(&f.clusters, "clusters", []string{"cluster_1", "cluster_2"}, "clusters of subscriber servers")
	cmd.Flags().IntVar(&f.servers, "subscribers", 6, "number of subscriber servers, sub1 and up")
}

// topics returns the topics, in the order in which reactions pass through them.
func (f *topicsFlags) topics() ([]kafka.Topic, error) {
	if f.servers < 0 || f.servers > 9999 {
		return nil, usagef("--subscribers %d: want 0 to 9999", f.servers)
	}
	if err := checkClusters("--clusters", f.clusters...); err != nil {
		return nil, err
	}
	layout := f.layout()
	layout.Reactions, layout.Partials, layout.Replication = f.partitions, f.reducers, f.replication
	layout.Retention, layout.ReactionsRetention, layout.CountsRetention = f.retention, f.reactions, f.counts
	layout.SwarmRetention, layout.Lateness, layout.ReactionsBytes = f.swarms, f.lateness, f.reactionsBytes
	topics := []kafka.Topic{layout.ReactionsTopic(), layout.PartialsTopic(), layout.CountsTopic(), layout.ServersTopic(), layout.ClockTopic(), layout.ControlsTopic()}
	for _, c := range f.clusters {
		topics = append(topics, layout.ClusterTopic(c))
	}
	for n := range f.servers {
		topics = append(topics, layout.ServerTopic(fmt.Sprintf("sub%d", n+1)))
	}
	return topics, nil
}

// check says what is wrong with the flags, nil if nothing is.
func (f *topicsFlags) check() error {
	if f.partitions < 1 || f.reducers < 1 || f.replication < 0 {
		return usagef("--partitions and --reducers want at least 1, and --replication at least 0")
	}
	if f.reactionsBytes != -1 && f.reactionsBytes < minReactionsBytes {
		return usagef("--reactions-bytes %d: want at least %d, or -1 for any number", f.reactionsBytes, minReactionsBytes)
	}
	for flag, d := range map[string]time.Duration{
		"retention": f.retention, "swarm-retention": f.swarms,
		"reactions-retention": cmp.Or(f.reactions, f.retention), "counts-retention": cmp.Or(f.counts, f.retention),
	} {
		if d < minRetention {
			return usagef("--%s %v: want at least %v", flag, d, minRetention)
		}
	}
	return nil
}

// topicsTimeout is how long the commands of topics wait for Kafka.
const topicsTimeout = 15 * time.Second

// withClient calls do with a client of a Kafka that has answered. All of it may take
// topicsTimeout at most. role becomes part of the client's id.
func (k *kafkaFlags) withClient(ctx context.Context, role string, do func(context.Context, *kafka.Client) error) error {
	c, err := k.open(role, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	bounded, cancel := context.WithTimeout(ctx, topicsTimeout)
	defer cancel()
	if _, err = c.Ping(bounded); err != nil {
		err = k.unreachable(err)
	} else {
		err = do(bounded, c)
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	return err
}
