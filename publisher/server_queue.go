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

// keepServer is how long after its last heartbeat a subscriber server's topic is
// still written to, so that a server that returns has no hole in its ring.
const keepServer = 10 * time.Minute

// How much one server's topic that cannot be written to may cost.
const (
	maxHold      = 500 * time.Millisecond // what the others wait for a write to it
	writeTimeout = 10 * time.Second       // until that is logged, and the write begun anew
	maxQueued    = 1000                   // records that wait meanwhile
)

// serverQueues write to the topics of a cluster's servers.
type serverQueues struct {
	p       *Publisher
	cluster string
	byTopic map[string]*serverQueue
	writing sync.WaitGroup // the writes under way
}

func newServerQueues(p *Publisher, cluster string) *serverQueues {
	return &serverQueues{p: p, cluster: cluster, byTopic: map[string]*serverQueue{}}
}

// serverQueue is what is to be written to one server's topic. One write is under way
// at a time; what comes meanwhile waits, and when too much does the oldest is
// dropped: a later window is worth more.
type serverQueue struct {
	mu      sync.Mutex
	busy    bool  // somebody writes
	writing int64 // offset of the first record under way, or -1
	waiting []stream.Record
}

// servers are those that are written to now.
func (q *serverQueues) servers() []roster.Entry {
	return slices.DeleteFunc(q.p.cfg.Servers.All(), func(s roster.Entry) bool {
		return s.Cluster != q.cluster || time.Since(s.Heard) > keepServer
	})
}

// keeps says whether a topic is one that is still written to.
func (q *serverQueues) keeps(topic string) bool {
	return slices.ContainsFunc(q.servers(), func(s roster.Entry) bool { return s.Topic == topic })
}

// written is the offset before which no record has yet to be written, where all
// before position were queued.
func (q *serverQueues) written(position int64) int64 {
	for _, s := range q.servers() {
		if queue := q.byTopic[s.Topic]; queue != nil {
			position = min(position, queue.oldest(position))
		}
	}
	return position
}

// write queues records for every server of the cluster and waits until their
// topics have them. It does not wait longer than maxHold for a server, and not at
// all for one whose last write is still under way.
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

// drain writes what waits for a server, until nothing does. What its topic does
// not take in time is tried again together with what has come meanwhile, and what
// it refuses for good is given up.
func (q *serverQueues) drain(ctx context.Context, server, topic string, queue *serverQueue) {
	var unwritten []stream.Record
	for records := queue.take(nil); len(records) > 0; records = queue.take(unwritten) {
		err := func() error {
			ctx, cancel := context.WithTimeout(ctx, writeTimeout)
			defer cancel()
			return q.p.cfg.Topic(topic).Write(ctx, 0, records)
		}()
		if ctx.Err() != nil {
			return // and the queue says that they are not written
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

// add queues records, and says whether somebody must begin to write them.
func (q *serverQueue) add(records []stream.Record) (begin bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, records...)
	q.waiting = q.waiting[max(0, len(q.waiting)-maxQueued):]
	begin, q.busy = !q.busy, true
	return begin
}

// take returns what was taken before and not written, and all that waits after it.
// If there is nothing, nobody writes from here on.
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

// oldest is the offset of the first record that is not written yet, or end if
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
