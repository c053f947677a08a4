package aggregator_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/stream"
)

// topic is a topic in memory: reader, writer and committer of its partitions. A fetch
// waits for records, as it does with a broker.
type topic struct {
	mu         sync.Mutex
	partitions [][]stream.Record
	start      int64 // offsets below it are gone in every partition
	more       chan struct{}
	commits    []stream.Commit
	fault      error // error of every write and commit
}

func newTopic(partitions int) *topic {
	return &topic{partitions: make([][]stream.Record, partitions), more: make(chan struct{})}
}

func (p *topic) Write(ctx context.Context, partition int, records []stream.Record) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault != nil || ctx.Err() != nil {
		return errors.Join(p.fault, ctx.Err())
	}
	for _, r := range records {
		r.Offset = int64(len(p.partitions[partition]))
		p.partitions[partition] = append(p.partitions[partition], r)
	}
	close(p.more)
	p.more = make(chan struct{})
	return nil
}

func (p *topic) Commit(_ context.Context, c stream.Commit) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault == nil {
		p.commits = append(p.commits, c)
	}
	return p.fault
}

// records returns the records of a partition.
func (p *topic) records(partition int) []stream.Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.partitions[partition]
}

// claim returns a claim of a partition with its last commit.
func (p *topic) claim(partition int) stream.Claim {
	p.mu.Lock()
	defer p.mu.Unlock()
	committed := stream.Commit{Offset: stream.None}
	if n := len(p.commits); n > 0 {
		committed = p.commits[n-1]
	}
	return stream.Claim{
		Topic: "topic", Partition: partition, Partitions: len(p.partitions), Committed: committed,
		Start: p.start, End: int64(len(p.partitions[partition])), Log: &reader{topic: p, partition: partition}, Offsets: p,
	}
}

type reader struct {
	*topic
	partition int
	lent      []stream.Record // the records that the last fetch returned
}

// lend returns copies of records, and overwrites those of the fetch before, as readers
// may do.
func (r *reader) lend(records []stream.Record) []stream.Record {
	for _, old := range r.lent {
		clear(old.Key)
		clear(old.Value)
	}
	r.lent = slices.Clone(records)
	for i, rec := range records {
		r.lent[i].Key, r.lent[i].Value = bytes.Clone(rec.Key), bytes.Clone(rec.Value)
	}
	return r.lent
}

func (r *reader) Fetch(ctx context.Context, offset int64, wait time.Duration) (stream.Batch, error) {
	b := stream.Batch{Next: offset, SentAt: time.Now()}
	for over := time.After(wait); ; {
		r.mu.Lock()
		log, start, more := r.partitions[r.partition], r.start, r.more
		r.mu.Unlock()
		b.HighWatermark = int64(len(log))
		switch {
		case offset < start || offset > b.HighWatermark:
			return b, fmt.Errorf("fetch: %w", &stream.OutOfRangeError{Topic: "topic", Partition: r.partition, Offset: offset, Start: start, End: b.HighWatermark})
		case offset < b.HighWatermark:
			b.Records, b.Next = r.lend(log[offset:]), b.HighWatermark
			return b, nil
		}
		select {
		case <-ctx.Done():
			return b, ctx.Err()
		case <-over:
			return b, nil
		case <-more:
		}
	}
}

// pipeline is an aggregator with its three topics.
type pipeline struct {
	*aggregator.Aggregator
	reactions, partials, counts *topic
	metrics                     *prometheus.Registry
}

func newPipeline(t *testing.T, logger ...*slog.Logger) pipeline {
	t.Helper()
	p := pipeline{reactions: newTopic(2), partials: newTopic(1), counts: newTopic(1), metrics: prometheus.NewRegistry()}
	a, err := aggregator.New(aggregator.Config{Partials: p.partials, PartialPartitions: 1, Counts: p.counts, CountPartitions: 1, Metrics: p.metrics, Logger: append(logger, nil)[0]})
	if err != nil {
		t.Fatal(err)
	}
	p.Aggregator = a
	return p
}

// start runs both halves on all partitions. stop ends them and waits until they have
// ended.
func (p pipeline) start(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	run := func(f func(context.Context, stream.Claim) error, topic string, claim stream.Claim) {
		claim.Topic = topic
		wg.Go(func() {
			if err := f(ctx, claim); !errors.Is(err, context.Canceled) {
				t.Errorf("%v, want it to end because it is told to", err)
			}
		})
	}
	run(p.Combine, "emoji-topic", p.reactions.claim(0))
	run(p.Combine, "emoji-topic", p.reactions.claim(1))
	run(p.Reduce, "emoji-partials", p.partials.claim(0))
	return func() {
		cancel()
		wg.Wait()
	}
}

// react appends a reaction whose record has the time at, in ms after zero.
func (p pipeline) react(t *testing.T, partition int, at int64, emoji string) {
	t.Helper()
	r := stream.Record{Time: zero + at, Value: value(emoji)}
	if err := p.reactions.Write(t.Context(), partition, []stream.Record{r}); err != nil {
		t.Fatal(err)
	}
}

// countsWritten returns a line for each record of emoji-aggregated, like "at 2100: 2000
// 🔥1": when it was written, the end of its window, the emoji and the count.
func (p pipeline) countsWritten(t *testing.T) (lines []string) {
	t.Helper()
	for _, r := range p.counts.records(0) {
		c := decodeCount(t, r)
		lines = append(lines, fmt.Sprintf("at %d: %d %s%d", r.Time-zero, c.Window.End-zero, c.Emoji, c.Count))
	}
	return lines
}

// zero is the time at which synctest's clock begins: 2000-01-01, in ms.
const zero = 946684800000

// until moves the clock on to at, in ms after zero.
func until(at int64) {
	<-time.After(time.Until(time.UnixMilli(zero + at)))
	synctest.Wait()
}
