package publisher

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// remember is how long after its last heartbeat a subscriber server's topic is
// still written to, so that one that returns has no hole in its ring.
const remember = 10 * time.Minute

// Cluster copies the swarms of a cluster's topic to the topics of its subscriber
// servers until ctx ends. Its errors are like Main's. It commits what all of them
// have taken, so that whoever goes on from there sends the rest.
func (p *Publisher) Cluster(ctx context.Context, cluster string, claim stream.Claim) error {
	p.checkCommit(&claim)
	ctx, cancel := context.WithCancel(ctx)
	out := outlets{p: p, cluster: cluster, byTopic: map[string]*outlet{}}
	defer out.writing.Wait()
	defer cancel()
	defer p.metrics.lag.Left(claim)
	position := max(claim.Committed.Offset, claim.Start)
	committed := position
	seen := newest{}
	for {
		b, err := claim.Log.Fetch(ctx, position, idle)
		if gone, ok := errors.AsType[*stream.OutOfRangeError](err); ok && gone.Start > position {
			p.cfg.Logger.Warn("swarms are gone before they were copied", "cluster", cluster, "error", err)
			position = gone.Start
			continue
		}
		if err != nil {
			return err
		}
		p.metrics.lag.Set(claim, b.HighWatermark-b.Next)
		var records []stream.Record // with their offsets in the cluster's topic
		for _, r := range b.Records {
			s, err := wire.DecodeSwarm(r.Value)
			if err != nil {
				p.metrics.skipped.Inc()
				p.cfg.Logger.Warn("a record was passed over", "cluster", cluster, "offset", r.Offset, "error", err)
				continue
			}
			if seen.better(s) {
				// Copied, because a write may go on beyond the next fetch.
				records = append(records, stream.Record{Offset: r.Offset, Time: time.Now().UnixMilli(), Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value)})
			}
		}
		if len(records) > 0 {
			if err := out.write(ctx, records); err != nil {
				return fmt.Errorf("publish %s: %w", cluster, err)
			}
		}
		position = b.Next
		if next := out.done(position); next > committed {
			if err := claim.Offsets.Commit(ctx, stream.Commit{Offset: next}); err != nil {
				return fmt.Errorf("publish %s: %w", cluster, err)
			}
			committed = next
		}
	}
}

// How much one server's topic that cannot be written to may cost.
const (
	hold          = 500 * time.Millisecond // the others, when a write to it takes longer
	serverTimeout = 10 * time.Second       // until that is said, and the write begun anew
	maxWaiting    = 1000                   // records that wait meanwhile
)

// outlets are the ways to the topics of a cluster's servers.
type outlets struct {
	p       *Publisher
	cluster string
	byTopic map[string]*outlet
	writing sync.WaitGroup
}

// outlet is the way to one server's topic. One write is under way at a time;
// what comes meanwhile waits, and when too much does the oldest is dropped: a
// later window is worth more.
type outlet struct {
	mu      sync.Mutex
	busy    bool
	writing int64 // offset of the first record under way, or -1
	waiting []stream.Record
}

// servers are those that are written to now.
func (o *outlets) servers() []roster.Entry {
	return slices.DeleteFunc(o.p.cfg.Servers.All(), func(s roster.Entry) bool {
		return s.Cluster != o.cluster || time.Since(s.Heard) > remember
	})
}

// remembers says whether a topic is one that is still written to.
func (o *outlets) remembers(topic string) bool {
	return slices.ContainsFunc(o.servers(), func(s roster.Entry) bool { return s.Topic == topic })
}

// done is the offset before which no record has yet to be written, where all
// before position were handed over.
func (o *outlets) done(position int64) int64 {
	for _, s := range o.servers() {
		if out := o.byTopic[s.Topic]; out != nil {
			position = min(position, out.oldest(position))
		}
	}
	return position
}

// write hands records to every server of the cluster and waits until their
// topics have them. One that takes long is left behind: it gets them when it
// can, and the others do not wait for it again until then.
func (o *outlets) write(ctx context.Context, records []stream.Record) error {
	var begun []<-chan struct{}
	for _, s := range o.servers() {
		out := o.byTopic[s.Topic]
		if out == nil {
			out = &outlet{writing: -1}
			o.byTopic[s.Topic] = out
		}
		if !out.add(records) {
			continue
		}
		done := make(chan struct{})
		begun = append(begun, done)
		o.writing.Go(func() {
			defer close(done)
			o.empty(ctx, s.Name, s.Topic, out)
		})
	}
	held := time.NewTimer(hold)
	defer held.Stop()
	for _, done := range begun {
		select {
		case <-done:
		case <-held.C:
			return ctx.Err()
		}
	}
	return ctx.Err()
}

// add queues records, and says whether somebody must begin to write them.
func (o *outlet) add(records []stream.Record) (begin bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = append(o.waiting, records...)
	o.waiting = o.waiting[max(0, len(o.waiting)-maxWaiting):]
	begin, o.busy = !o.busy, true
	return begin
}

// take returns all that waits, and with it what was taken before and not
// written; if there is nothing, the outlet is idle.
func (o *outlet) take(unwritten []stream.Record) []stream.Record {
	o.mu.Lock()
	defer o.mu.Unlock()
	records := append(unwritten, o.waiting...)
	records = records[max(0, len(records)-maxWaiting):]
	o.waiting, o.busy, o.writing = nil, len(records) > 0, -1
	if o.busy {
		o.writing = records[0].Offset
	}
	return records
}

// oldest is the offset of the first record that is not written yet, or end if
// there is none.
func (o *outlet) oldest(end int64) int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.writing >= 0:
		return o.writing
	case len(o.waiting) > 0:
		return o.waiting[0].Offset
	default:
		return end
	}
}

// empty writes what waits for a server, until nothing does. What its topic does
// not take in time is tried again together with what has come meanwhile, and what
// it refuses for good is given up.
func (o *outlets) empty(ctx context.Context, server, topic string, out *outlet) {
	var unwritten []stream.Record
	for records := out.take(nil); len(records) > 0; records = out.take(unwritten) {
		err := func() error {
			ctx, cancel := context.WithTimeout(ctx, serverTimeout)
			defer cancel()
			return o.p.cfg.Topic(topic).Write(ctx, 0, records)
		}()
		if ctx.Err() != nil {
			return // and remains undone
		}
		unwritten = nil
		if err != nil {
			o.p.metrics.failed.Inc()
			o.p.cfg.Logger.Warn("a subscriber server's topic cannot be written to", "server", server, "error", err)
			if errors.Is(err, context.DeadlineExceeded) && o.remembers(topic) {
				unwritten = records
			}
		}
	}
}

// newest keeps the greatest total of the recent windows of each channel, to pass
// on only what says more.
type newest struct {
	totals map[key]int64
	end    int64 // greatest end of a window seen
}

// keepWindows is how long a window's total is remembered, in ms. A swarm of an
// older window is passed on as it is: readers merge.
const keepWindows = int64(10 * time.Minute / time.Millisecond)

func (n *newest) better(s wire.Swarm) bool {
	k := key{s.Window.End, s.Channel}
	if known, ok := n.totals[k]; ok && s.Total <= known {
		return false
	}
	if n.totals == nil {
		n.totals = map[key]int64{}
	}
	if k.end > n.end {
		n.end = k.end
		maps.DeleteFunc(n.totals, func(old key, _ int64) bool { return old.end < n.end-keepWindows })
	}
	n.totals[k] = s.Total
	return true
}
