package trace

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// FollowConfig says where the pipeline is. Client and See must be set.
type FollowConfig struct {
	Client *kafka.Client
	Topics wire.Topics
	// Tracer says what to follow. Its Partials and Began are set by Follow.
	Tracer Config
	// Note, if set, is called with a sentence about each topic that is missing, and
	// each that appears.
	Note func(string)
	// See is called after each batch of records and every 200 ms, by one goroutine at a
	// time. If it returns an error, Follow ends with that.
	See func(*Tracer) error
}

const (
	lookBackTime     = time.Minute            // how far back partials, counts and swarms are read
	maxLookBack      = 50_000                 // the greatest number of records of a partition that are read back
	minLookBack      = 100                    // the least number of records of emoji-partials, to find a mark
	stuckInterval    = 200 * time.Millisecond // between two calls of Tick
	discoverInterval = 2 * time.Second        // between two searches for new topics
	maxSwarmTopics   = 500                    // the greatest number of topics that are read
)

// Follow traces reactions from now until ctx ends. It joins no consumer group. It fails
// if emoji-topic does not exist, and waits for the other topics.
func Follow(ctx context.Context, cfg FollowConfig) error {
	if cfg.Note == nil {
		cfg.Note = func(string) {}
	}
	f := &following{FollowConfig: cfg, known: map[string]bool{}}
	var readers []reader
	opening, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	topics, err := cfg.Client.Topics(opening)
	if err == nil && !slices.Contains(topics, cfg.Topics.Reactions()) {
		return &topicreader.MissingError{Topic: cfg.Topics.Reactions()}
	}
	if err == nil {
		readers, err = f.open(opening, topics)
	}
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	f.group = g
	for _, r := range readers {
		f.start(ctx, r)
	}
	g.Go(func() error { return f.watch(ctx) })
	return g.Wait()
}

// following reads the topics and hands their records to a tracer.
type following struct {
	FollowConfig
	group *errgroup.Group
	known map[string]bool // topics that are read

	mu     sync.Mutex
	tracer *Tracer
}

// reader says from which offset a partition is read, and what takes its records.
type reader struct {
	topic     string
	partition int
	from      int64
	take      func(partition int, r stream.Record, at int64)
}

// open finds out from where to read each topic. It asks for the ends of emoji-topic
// last, so that no count of a followed reaction can be missed.
func (f *following) open(ctx context.Context, topics []string) ([]reader, error) {
	names := f.Topics
	counts, counting, err := f.recentPart(ctx, topics, names.Counts())
	if err != nil {
		return nil, err
	}
	partials, told, err := f.recentPart(ctx, topics, names.Partials())
	if err != nil {
		return nil, err
	}
	f.Tracer.Partials = len(partials) > 0 && (told || !counting)
	f.Tracer.Began = time.Now().UnixMilli()
	f.tracer = New(f.Tracer)
	f.noteMissing(len(counts) > 0, len(partials) > 0)
	outlets, err := f.swarmTopics(ctx, topics)
	if len(outlets) == 0 {
		f.Note(fmt.Sprintf("no %scluster_N or %ssub_N exists: reactions are followed to %s until publish makes them", names.Prefix, names.Prefix, names.Counts()))
	}
	if err != nil {
		return nil, err
	}
	all := append(f.of(counts, f.tracer.countOf), f.of(partials, f.tracer.progressOf)...)
	all = append(all, outlets...)
	n, err := f.Client.Partitions(ctx, names.Reactions())
	if err != nil {
		return nil, err
	}
	for p := range n {
		_, end, err := f.Client.Offsets(ctx, names.Reactions(), p)
		if err != nil {
			return nil, err
		}
		all = append(all, reader{names.Reactions(), p, end, f.tracer.Reaction})
	}
	return all, nil
}

func (t *Tracer) countOf(_ int, r stream.Record, at int64)    { t.Count(r, at) }
func (t *Tracer) progressOf(_ int, r stream.Record, at int64) { t.Progress(r, at) }

func (f *following) of(readers []reader, take func(int, stream.Record, int64)) []reader {
	for i := range readers {
		readers[i].take = take
	}
	return readers
}

// noteMissing notes which topics do not exist, and what that means for tracing.
func (f *following) noteMissing(counts, partials bool) {
	if !counts {
		f.Note(fmt.Sprintf("%s does not exist yet: reactions stay in the log until aggregate, or a Spark job, makes it", f.Topics.Counts()))
	}
	switch {
	case f.Tracer.Partials:
	case partials:
		f.Note(fmt.Sprintf("%s is silent, and %s is not: another program than aggregate counts, and reactions belong to the window of their record's time", f.Topics.Partials(), f.Topics.Counts()))
	default:
		f.Note(fmt.Sprintf("%s does not exist: without it reactions belong to the window of their record's time, and nothing tells of them between the log and %s", f.Topics.Partials(), f.Topics.Counts()))
	}
}

// recentPart returns a reader for each partition of a topic that begins at the recent
// records, and whether any partition has recent records. It returns nil if the topic
// does not exist.
func (f *following) recentPart(ctx context.Context, topics []string, topic string) (all []reader, recent bool, err error) {
	if !slices.Contains(topics, topic) {
		return nil, false, nil
	}
	f.known[topic] = true
	n, err := f.Client.Partitions(ctx, topic)
	if err != nil {
		return nil, false, err
	}
	for p := range n {
		start, end, err := f.Client.Offsets(ctx, topic, p)
		if err != nil {
			return nil, false, err
		}
		from, err := f.Client.OffsetAt(ctx, topic, p, time.Now().Add(-lookBackTime))
		if err != nil {
			return nil, false, err
		}
		recent = recent || from < end
		if topic == f.Topics.Partials() {
			from = min(from, end-minLookBack)
		}
		all = append(all, reader{topic: topic, partition: p, from: max(start, from, end-maxLookBack)})
	}
	return all, recent, nil
}

// swarmTopics returns readers for those topics of clusters and subscriber servers that
// are not read yet.
func (f *following) swarmTopics(ctx context.Context, topics []string) (all []reader, err error) {
	var silent []string
	servers, spoken := 0, false
	for _, topic := range topics {
		cluster, server := f.topicKind(topic)
		if !cluster && !server || f.known[topic] || len(f.known) > maxSwarmTopics {
			continue
		}
		part, recent, err := f.recentPart(ctx, topics, topic)
		if err != nil {
			return nil, err
		}
		all = append(all, f.of(part, func(_ int, r stream.Record, at int64) { f.tracer.Swarm(topic, r, at) })...)
		switch {
		case cluster:
			f.locked(func(t *Tracer) { t.Cluster(topic) })
			continue
		case !recent:
			silent = append(silent, topic)
		}
		servers, spoken = servers+1, spoken || recent
		f.locked(func(t *Tracer) { t.Server(topic, false) })
	}
	if spoken && len(silent) > 0 {
		f.locked(func(t *Tracer) {
			for _, topic := range silent {
				t.Server(topic, true)
			}
		})
		f.Note(fmt.Sprintf("not waited for, since nothing is written there: %s", strings.Join(silent, ", ")))
	}
	return all, nil
}

// topicKind says whether a topic is that of a cluster or of a subscriber server.
func (f *following) topicKind(topic string) (cluster, server bool) {
	own, ours := strings.CutPrefix(topic, f.Topics.Prefix)
	number, server := strings.CutPrefix(own, "sub_")
	_, err := wire.ServerNumber("sub" + number)
	return ours && strings.HasPrefix(own, "cluster_"), ours && server && err == nil
}

func (f *following) locked(do func(*Tracer)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do(f.tracer)
}

// start begins to read a partition, until ctx ends.
func (f *following) start(ctx context.Context, r reader) {
	f.group.Go(func() error {
		c := topicreader.NewCursor(f.Client, r.topic, r.partition, 0)
		c.MoveTo(r.from)
		c.OnUnread(func(u topicreader.Unread) { f.unread(u) })
		return c.Read(ctx, topicreader.Endless, func(records []stream.Record) error {
			return f.take(r, records, time.Now().UnixMicro())
		}, nil)
	})
}

func (f *following) take(r reader, records []stream.Record, at int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, record := range records {
		r.take(r.partition, record, at)
	}
	return f.See(f.tracer)
}

// unread counts what cannot be read of a topic, and notes where a transaction is open.
func (f *following) unread(u topicreader.Unread) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case u.Open:
		f.Note(fmt.Sprintf("a transaction of another program is open in %s/%d from offset %d on: nothing behind it is followed until it ends", u.Topic, u.Partition, u.From))
	case u.Topic == f.Topics.Reactions():
		f.tracer.totals.skipped += u.To - u.From
	default:
		f.tracer.totals.unreadable += u.To - u.From
	}
}

// watch calls Tick and See every stuckInterval, and searches for new topics every
// discoverInterval.
func (f *following) watch(ctx context.Context) error {
	ticker, around := time.NewTicker(stuckInterval), time.NewTicker(discoverInterval)
	defer ticker.Stop()
	defer around.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-around.C:
			err = f.discover(ctx)
		case now := <-ticker.C:
			f.locked(func(t *Tracer) {
				t.Tick(now.UnixMicro())
				err = f.See(t)
			})
		}
		if err != nil {
			return err
		}
	}
}

// discover begins to read the topics that were created since the last search.
func (f *following) discover(ctx context.Context) error {
	topics, err := f.Client.Topics(ctx)
	if err != nil {
		return nil //nolint:nilerr // the readers wait for Kafka too, and report it
	}
	more, err := f.swarmTopics(ctx, topics)
	if err != nil {
		return err
	}
	for topic, take := range map[string]func(int, stream.Record, int64){f.Topics.Counts(): f.tracer.countOf, f.Topics.Partials(): f.tracer.progressOf} {
		if f.known[topic] {
			continue
		}
		part, _, err := f.recentPart(ctx, topics, topic)
		if err != nil {
			return err
		}
		if len(part) > 0 && topic == f.Topics.Partials() {
			f.locked((*Tracer).HasPartials)
		}
		more = append(more, f.of(part, take)...)
	}
	for _, r := range more {
		f.Note(fmt.Sprintf("%s is there now", r.topic))
		f.start(ctx, r)
	}
	return nil
}
