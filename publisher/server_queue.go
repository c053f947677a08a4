package publisher

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/stream"
)

// keepServer is how long after its last heartbeat a subscriber server's topic is still
// written to, so that a server that returns has all swarms in between.
const keepServer = 10 * time.Minute

// Bounds of what a server's topic may cost that cannot be written to.
const (
	maxHold      = 500 * time.Millisecond // how long the other servers wait for a write to it
	writeTimeout = 10 * time.Second       // after which a write is logged as failed and begun anew
	maxQueued    = 1000                   // how many records wait for it
)

// serverQueues holds the queues of all servers of a cluster.
type serverQueues struct {
	p       *Publisher
	cluster string
	byTopic map[string]*serverQueue
	writing sync.WaitGroup // the writes in progress
}

func newServerQueues(p *Publisher, cluster string) *serverQueues {
	return &serverQueues{p: p, cluster: cluster, byTopic: map[string]*serverQueue{}}
}

// serverQueue holds the records to be written to one server's topic. One write is in
// progress at a time; records that come meanwhile wait. If too many wait, the oldest
// are dropped, since a later window is worth more.
type serverQueue struct {
	mu      sync.Mutex
	busy    bool  // a goroutine writes
	writing int64 // offset of the first record being written, or -1
	waiting []stream.Record
}

// servers returns the servers whose topics are written to now.
func (q *serverQueues) servers() []roster.Entry {
	return slices.DeleteFunc(q.p.cfg.Servers.All(), func(s roster.Entry) bool {
		return s.Cluster != q.cluster || time.Since(s.Heard) > keepServer
	})
}

// keeps says whether a topic is still written to.
func (q *serverQueues) keeps(topic string) bool {
	return slices.ContainsFunc(q.servers(), func(s roster.Entry) bool { return s.Topic == topic })
}

// written returns the offset before which all records are written or given up. All
// records before position must have been queued.
func (q *serverQueues) written(position int64) int64 {
	for _, s := range q.servers() {
		if queue := q.byTopic[s.Topic]; queue != nil {
			position = min(position, queue.oldest(position))
		}
	}
	return position
}

// write queues records for every server of the cluster, and waits until their topics
// have them. It waits for no server longer than maxHold, and not at all for one whose
// last write is still in progress.
func (q *serverQueues) write(ctx context.Context, records []stream.Record) error {
	var begun []<-chan struct{}
	for _, s := range q.servers() {
		queue := q.byTopic[s.Topic]
		if queue == nil {
			queue = &serverQueue{writing: -1}
			q.byTopic[s.Topic] = queue
		}
		if !queue.add(records) {
			continue
		}
		done := make(chan struct{})
		begun = append(begun, done)
		q.writing.Go(func() {
			defer close(done)
			q.drain(ctx, s.Name, s.Topic, queue)
		})
	}
	hold := time.NewTimer(maxHold)
	defer hold.Stop()
	for _, done := range begun {
		select {
		case <-done:
		case <-hold.C:
			return ctx.Err()
		}
	}
	return ctx.Err()
}

// drain writes the records that wait for a server, until none waits. Records that are
// not written in time are tried again, together with those that have come since.
// Records that the topic refuses for good are given up.
func (q *serverQueues) drain(ctx context.Context, server, topic string, queue *serverQueue) {
	var unwritten []stream.Record
	for records := queue.take(nil); len(records) > 0; records = queue.take(unwritten) {
		err := func() error {
			ctx, cancel := context.WithTimeout(ctx, writeTimeout)
			defer cancel()
			return q.p.cfg.Topic(topic).Write(ctx, 0, records)
		}()
		if ctx.Err() != nil {
			return // the queue still says that these records are not written
		}
		unwritten = nil
		if err != nil {
			q.p.metrics.failed.Inc()
			q.p.cfg.Logger.Warn("a subscriber server's topic cannot be written to", "server", server, "error", err)
			if errors.Is(err, context.DeadlineExceeded) && q.keeps(topic) {
				unwritten = records
			}
		}
	}
}

// add queues records. It says whether the caller must begin to write them.
func (q *serverQueue) add(records []stream.Record) (begin bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, records...)
	q.waiting = q.waiting[max(0, len(q.waiting)-maxQueued):]
	begin, q.busy = !q.busy, true
	return begin
}

// take returns the records that were taken before and not written, and then all that
// wait. If it returns none, the caller must stop writing.
func (q *serverQueue) take(unwritten []stream.Record) []stream.Record {
	q.mu.Lock()
	defer q.mu.Unlock()
	records := append(unwritten, q.waiting...)
	records = records[max(0, len(records)-maxQueued):]
	q.waiting, q.busy, q.writing = nil, len(records) > 0, -1
	if q.busy {
		q.writing = records[0].Offset
	}
	return records
}

// oldest returns the offset of the first record that is not written yet, or end if
// there is none.
func (q *serverQueue) oldest(end int64) int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.writing >= 0:
		return q.writing
	case len(q.waiting) > 0:
		return q.waiting[0].Offset
	default:
		return end
	}
}
