// Package publisher spreads the crowd's mood. Its main role turns
// emoji-aggregated into swarms, one for each window and channel, and writes them
// to the topic of every cluster; its cluster role copies a cluster's swarms to
// the topic of each subscriber server in it.
//
// Swarms are snapshots that merge by the greatest total, so that both roles may
// send one twice, and two copies may send at once.
package publisher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/sync/errgroup"

	"github.com/emostream/emostream/internal/lag"
	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// Config says when to send and where to. The durations are for windows without
// the signals that our own reducer gives, as a Spark job's are.
type Config struct {
	// Patience is how long after its latest record a window is sent that
	// nothing calls complete; default 300 ms.
	Patience time.Duration
	// Silence is how long after a window's end without counts the channel's
	// empty swarm is sent; default 1 s.
	Silence time.Duration
	// Horizon is how far behind the newest window one that nothing closes is
	// still revised; default 2 min.
	Horizon time.Duration
	// Top is how many emojis a swarm lists; default 50.
	Top int

	// Topic returns the writer of a topic, each with one partition.
	Topic func(name string) stream.Writer
	Names wire.Topics
	// Clusters are what the main role writes to, by names like cluster_1.
	Clusters []string
	// Servers tells the cluster role which subscriber servers there are.
	Servers *roster.Roster

	Logger  *slog.Logger
	Metrics prometheus.Registerer // nil: none
}

func (c Config) withDefaults() Config {
	if c.Patience == 0 {
		c.Patience = 300 * time.Millisecond
	}
	if c.Silence == 0 {
		c.Silence = time.Second
	}
	if c.Horizon == 0 {
		c.Horizon = 2 * time.Minute
	}
	if c.Top == 0 {
		c.Top = wire.DefaultTop
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Publisher runs both roles on the partitions it is given.
type Publisher struct {
	cfg     Config
	metrics metrics
}

// New returns a publisher.
func New(cfg Config) *Publisher {
	return &Publisher{cfg: cfg.withDefaults(), metrics: newMetrics(cfg.Metrics)}
}

// idle is how long a fetch waits at most.
const idle = time.Second

// Main turns a partition of emoji-aggregated into swarms for every cluster until
// ctx ends. It returns an error that trying again cannot mend, or one that wraps
// stream.ErrFenced when the partition has passed to another copy.
func (p *Publisher) Main(ctx context.Context, claim stream.Claim) error {
	p.checkCommit(&claim)
	m, err := NewMerger(p.cfg, claim.Committed, claim.Start)
	if err != nil {
		return fmt.Errorf("publish emoji-aggregated/%d: %w", claim.Partition, err)
	}
	defer p.metrics.lag.Left(claim)
	committed := claim.Committed
	for {
		b, err := claim.Log.Fetch(ctx, m.Position(), m.wait(time.Now(), idle))
		if gone, ok := errors.AsType[*stream.OutOfRangeError](err); ok && gone.Start > m.Position() {
			p.cfg.Logger.Warn("counts are gone before they were published", "error", err)
			m.Read(gone.Start)
			continue
		}
		if err != nil {
			return err
		}
		now := time.Now().UnixMilli()
		for _, r := range b.Records {
			if err := m.Add(r, now); err != nil {
				p.metrics.skipped.Inc()
				p.cfg.Logger.Warn("a record was passed over", "error", err)
			}
		}
		m.Read(b.Next)
		p.metrics.lag.Set(claim, b.HighWatermark-b.Next)
		if due := m.Due(now, b.AtEnd()); len(due) > 0 {
			if err := p.toClusters(ctx, due); err != nil {
				return fmt.Errorf("publish emoji-aggregated/%d: %w", claim.Partition, err)
			}
			m.Sent(due)
			p.record(due)
		}
		if next := m.Commit(); next != committed {
			if err := claim.Offsets.Commit(ctx, next); err != nil {
				return fmt.Errorf("publish emoji-aggregated/%d: %w", claim.Partition, err)
			}
			committed = next
		}
	}
}

// checkCommit forgets a commit beyond the log's end, as a topic that was made
// anew leaves behind: whatever is sent again merges.
func (p *Publisher) checkCommit(claim *stream.Claim) {
	if claim.Committed.Offset > claim.End {
		p.cfg.Logger.Warn("the log is shorter than what was published of it: beginning at its start",
			"topic", claim.Topic, "committed", claim.Committed.Offset, "end", claim.End)
		claim.Committed = stream.Commit{Offset: stream.None}
	}
}

func (p *Publisher) toClusters(ctx context.Context, swarms []wire.Swarm) error {
	now := time.Now().UnixMilli()
	records := make([]stream.Record, len(swarms))
	for i, s := range swarms {
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
	return g.Wait()
}

func (p *Publisher) record(swarms []wire.Swarm) {
	for _, s := range swarms {
		p.metrics.swarms.Inc()
		p.cfg.Logger.Debug("swarm published", "channel", s.Channel,
			"end", time.UnixMilli(s.Window.End).UTC().Format(wire.TimeFormat), "total", s.Total)
	}
}

type metrics struct {
	swarms, skipped, failed prometheus.Counter
	lag                     lag.Gauge
}

func newMetrics(reg prometheus.Registerer) metrics {
	f := promauto.With(reg)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: "emostream_publish_" + name, Help: help})
	}
	return metrics{
		swarms:  counter("swarms_total", "Swarms written to the clusters, revisions too."),
		skipped: counter("skipped_records_total", "Records that could not be read and were passed over."),
		failed:  counter("server_writes_failed_total", "Batches that a subscriber server's topic did not take."),
		lag:     lag.New(reg, "emostream_publish_lag_records"),
	}
}
