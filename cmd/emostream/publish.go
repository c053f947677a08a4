package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/ticket"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/publisher"
)

// publishFlags are the settings of publish.
type publishFlags struct {
	roles    []string
	clusters []string
	top      int
	lateness time.Duration // of aggregate; 0: aggregate's default
	tickets  ticketFlag
}

// addTop adds --top, which up has too.
func (f *publishFlags) addTop(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.top, "top", wire.DefaultTop, "how many emojis a swarm lists")
}

func newPublish(io streams) *cobra.Command {
	var (
		flags   stageFlags
		publish publishFlags
	)
	cmd := &cobra.Command{
		Use:   "publish",
		Short: "Turn counts into swarms and spread them to the subscriber servers",
		Long: `Publish has two roles: main turns emoji-aggregated into swarms, one for each window
and channel, and writes them to every cluster's topic; cluster copies a cluster's
swarms to the topics of its subscriber servers. Any number of copies can run.`,
		Example: `  emostream publish
  emostream publish --role cluster --clusters cluster_1`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.run(cmd.Context(), io, "publish", func(ctx context.Context, s stage) error {
				tickets, err := publish.tickets.read()
				if err != nil {
					return err
				}
				g, ctx := errgroup.WithContext(ctx)
				g.Go(func() error { return tickets.Run(ctx, s.log) })
				g.Go(func() error { return runPublish(ctx, s, publish, tickets) })
				return g.Wait()
			})
		},
	}
	flags.add(cmd)
	publish.addTop(cmd)
	publish.tickets.add(cmd, "the file of serve and subscribe; with it, servers that sign their heartbeats are copied to, whatever others write to emostream-servers")
	cmd.Flags().DurationVar(&publish.lateness, "lateness", windowing.DefaultLateness, "of aggregate: windows that end a minute more than that ahead of the clock are not shown")
	cmd.Flags().StringSliceVar(&publish.roles, "role", []string{"main", "cluster"}, "main, cluster, or both")
	cmd.Flags().StringSliceVar(&publish.clusters, "clusters", []string{"cluster_1", "cluster_2"}, "the clusters: for main all there are, for cluster those to copy")
	return cmd
}

// runPublish runs the roles of a publisher until ctx ends: main, and cluster for each
// cluster. tickets are the keys with which subscriber servers sign heartbeats; nil: there are
// none.
func runPublish(ctx context.Context, s stage, f publishFlags, tickets *ticket.Keys) error {
	for _, r := range f.roles {
		if r != "main" && r != "cluster" {
			return usagef("--role %.20q: use main, cluster, or both", r)
		}
	}
	if err := checkClusters("--clusters", f.clusters...); err != nil {
		return err
	}
	if len(f.clusters) == 0 || len(f.roles) == 0 || f.top < 1 {
		return usagef("--role and --clusters want at least one name each, and --top at least 1")
	}
	layout, names := s.layout(), s.names()
	topics := []kafka.Topic{layout.CountsTopic(), layout.ServersTopic()}
	for _, c := range f.clusters {
		topics = append(topics, layout.ClusterTopic(c))
	}
	if err := ensureTopics(ctx, s.client, s.log, topics...); err != nil {
		return err
	}
	over := s.passedOver.Reporter("publish", s.metrics)
	servers := newRosterFollower(s.client, names, tickets, over)
	p := publisher.New(publisher.Config{
		Top: f.top, Lateness: f.lateness, Topic: s.client.Writer, Names: names, Clusters: f.clusters, Servers: servers.roster,
		Logger: s.log, Metrics: s.metrics, PassedOver: over,
	})
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return kafka.NewTopicKeeper(s.client, topics...).Run(ctx) })
	if slices.Contains(f.roles, "main") {
		var writes []string
		for _, cluster := range f.clusters {
			writes = append(writes, names.Cluster(cluster))
		}
		g.Go(func() error { return s.client.Consume(ctx, s.group("publish"), names.Counts(), p.Main, writes...) })
	}
	if slices.Contains(f.roles, "cluster") {
		g.Go(func() error { return servers.run(ctx) })
		for _, cluster := range f.clusters {
			g.Go(func() error {
				if err := servers.waitCaughtUp(ctx); err != nil {
					return nil //nolint:nilerr // it fails only if ctx has ended
				}
				return s.client.Consume(ctx, s.group("publish-"+cluster), names.Cluster(cluster), func(ctx context.Context, claim stream.Claim) error {
					return p.Cluster(ctx, cluster, claim)
				})
			})
		}
	}
	return g.Wait()
}
