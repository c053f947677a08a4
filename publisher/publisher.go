// Package publisher sends counts to subscriber servers. Its main role turns
// emoji-aggregated into swarms, one for each window and channel, and writes them to the
// topic of every cluster. Its cluster role copies a cluster's swarms to the topic of
// each subscriber server of that cluster.
//
// Swarms are snapshots of which the greatest total counts. So both roles may send one
// twice, and two copies of a role may send at the same time.
package publisher

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/sync/errgroup"

	"github.com/emostream/emostream/internal/claimloop"
	"github.com/emostream/emostream/internal/passedover"
	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// Config says when and where to send. IncompleteWait and Horizon are for windows of
// other programs, such as a Spark job, which do not say what is complete and what is
// closed.
type Config struct {
	// IncompleteWait is how long after its latest record a window is sent that nothing
	// calls complete; default 300 ms.
	IncompleteWait time.Duration
	// EmptyDelay is how long after the end of a window without counts a channel's empty
	// swarm is sent; default 1 s.
	EmptyDelay time.Duration
	// Horizon is how much older than the newest window a window may be and still be
	// revised, if nothing closes it; default 2 min.
	Horizon time.Duration
	// Lateness is that of the aggregator; default 10 s. Windows that end further ahead of
	// the clock than the lateness and a minute are not sent.
	Lateness time.Duration
	// Top is the greatest number of emojis in a swarm; default 50.
	Top int

	// Topic returns a writer to a topic. Every topic has one partition.
	Topic func(name string) stream.Writer
	Names wire.Topics
	// Clusters are the names of the clusters that the main role writes to, such as
	// cluster_1.
	Clusters []string
	// Servers tells the cluster role which subscriber servers exist.
	Servers *roster.Roster

	Logger  *slog.Logger
	Metrics prometheus.Registerer // nil: none
	// PassedOver is told of records that are not ours, and of counts of windows far ahead
	// of the clock; default: it logs to Logger, and counts in Metrics.
	PassedOver *passedover.Reporter
}

func (c Config) withDefaults() Config {
	c.IncompleteWait = cmp.Or(c.IncompleteWait, 300*time.Millisecond)
	c.EmptyDelay = cmp.Or(c.EmptyDelay, time.Second)
	c.Horizon = cmp.Or(c.Horizon, 2*time.Minute)
	c.Lateness = cmp.Or(c.Lateness, windowing.DefaultLateness)
	c.Top = cmp.Or(c.Top, wire.DefaultTop)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Publisher runs both roles on the partitions that it is given.
type Publisher struct {
	cfg     Config
	metrics metrics
}

// New returns a publisher.
func New(cfg Config) *Publisher {
	cfg = cfg.withDefaults()
	if cfg.PassedOver == nil {
		cfg.PassedOver = passedover.New("publish", cfg.Logger, cfg.Metrics)
	}
	return &Publisher{cfg: cfg, metrics: newMetrics(cfg.Metrics)}
}

// Main turns a partition of emoji-aggregated into swarms for every cluster until ctx
// ends. It returns an error if trying again cannot help. The error wraps
// stream.ErrFenced if another copy has claimed the partition.
func (p *Publisher) Main(ctx context.Context, claim stream.Claim) error {
	name := fmt.Sprintf("publish emoji-aggregated/%d", claim.Partition)
	claim = p.withinLog(claim)
	if _, ours, err := wire.DecodeCommit[wire.PublisherCommit](claim.Committed.Metadata); err == nil && !ours && claim.Committed.Offset != stream.None {
		p.cfg.Logger.Warn("another program has reset the consumer group: beginning at the log's start",
			"topic", claim.Topic, "partition", claim.Partition, "committed", claim.Committed.Offset, "start", claim.Start)
	}
	m, err := NewMerger(p.cfg, claim.Committed, claim.Start)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return claimloop.Loop[SwarmsEmission]{
		Name: name, Claim: claim, Machine: m, Lag: p.metrics.lag,
		Write:      p.writeSwarms,
		PassedOver: p.cfg.PassedOver,
		OnLost: func(lost *stream.OutOfRangeError) error {
			p.cfg.Logger.Warn("counts are gone before they were published", "error", lost)
			return nil
		},
	}.Run(ctx)
}

// withinLog returns the claim. It removes the commit if that is beyond the log's end,
// which happens if the topic was made anew. Sending everything again does no harm,
// since swarms merge.
func (p *Publisher) withinLog(claim stream.Claim) stream.Claim {
	if claim.Committed.Offset > claim.End {
		p.cfg.Logger.Warn("the log is shorter than what was published of it: beginning at its start",
			"topic", claim.Topic, "committed", claim.Committed.Offset, "end", claim.End)
		claim.Committed = stream.Commit{Offset: stream.None}
	}
	return claim
}

// writeSwarms writes swarms to the topic of every cluster.
func (p *Publisher) writeSwarms(ctx context.Context, e SwarmsEmission) error {
	now := time.Now().UnixMilli()
	records := make([]stream.Record, len(e.Swarms))
	for i, s := range e.Swarms {
		value, err := json.Marshal(s)
		if err != nil {
			return fmt.Errorf("encode a swarm: %w", err)
		}
		records[i] = stream.Record{Time: now, Key: []byte(s.Channel), Value: value}
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, cluster := range p.cfg.Clusters {
		g.Go(func() error { return p.cfg.Topic(p.cfg.Names.Cluster(cluster)).Write(ctx, 0, records) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, s := range e.Swarms {
		p.metrics.swarms.Inc()
		p.cfg.Logger.Debug("swarm published", "channel", s.Channel,
			"end", time.UnixMilli(s.Window.End).UTC().Format(wire.TimeFormat), "total", s.Total)
	}
	return nil
}

type metrics struct {
	swarms, failed prometheus.Counter
	lag            claimloop.Lag
}

func newMetrics(reg prometheus.Registerer) metrics {
	f := promauto.With(reg)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: "emostream_publish_" + name, Help: help})
	}
	return metrics{
		swarms: counter("swarms_total", "Swarms written to the clusters, revisions too."),
		failed: counter("server_writes_failed_total", "Batches that a subscriber server's topic did not take."),
		lag:    claimloop.NewLag(reg, "emostream_publish_lag_records"),
	}
}
