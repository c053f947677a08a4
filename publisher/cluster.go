package publisher

import (
	"bytes"
	"context"
	"maps"
	"time"

	"github.com/emostream/emostream/internal/claimloop"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// Cluster copies the swarms in a cluster's topic to the topics of its subscriber
// servers until ctx ends. Its errors are like those of Main. It commits the offset
// before which every server's topic has all swarms, so that whoever goes on from there
// sends the rest.
func (p *Publisher) Cluster(ctx context.Context, cluster string, claim stream.Claim) error {
	claim = p.withinLog(claim)
	ctx, cancel := context.WithCancel(ctx)
	queues := newServerQueues(p, cluster)
	defer queues.writing.Wait()
	defer cancel()
	return claimloop.Loop[[]stream.Record]{
		Name: "publish " + cluster, Claim: claim, Machine: newCopier(claim, queues), Lag: p.metrics.lag,
		Write:      queues.write,
		PassedOver: p.cfg.PassedOver,
		OnLost: func(lost *stream.OutOfRangeError) error {
			p.cfg.Logger.Warn("swarms are gone before they were copied", "cluster", cluster, "error", lost)
			return nil
		},
	}.Run(ctx)
}

// copier is the claimloop.Machine of the cluster role: it takes swarms, and emits those
// whose total is greater than before. What it commits depends on what the servers'
// queues have written.
type copier struct {
	position int64
	totals   greatestTotals
	records  []stream.Record // records to be copied, with their offsets in the cluster's topic
	queues   *serverQueues
	done     int64 // offset before which every record is written or given up
	commit   stream.Commit
}

// newCopier returns a copier that goes on from the commit of a claim.
func newCopier(claim stream.Claim, queues *serverQueues) *copier {
	begin := max(claim.Committed.Offset, claim.Start)
	return &copier{position: begin, done: begin, commit: claim.Committed, queues: queues}
}

// Position implements claimloop.Machine.
func (c *copier) Position() int64 { return c.position }

// Add takes in a swarm. It fails if the record is not a swarm.
func (c *copier) Add(r stream.Record, now int64) error {
	c.position = r.Offset + 1
	s, err := wire.DecodeSwarm(r.Value)
	if err != nil {
		return err
	}
	if c.totals.grows(s) {
		// The bytes are cloned, since a write may still go on at the next fetch.
		c.records = append(c.records, stream.Record{Offset: r.Offset, Time: now, Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value)})
	}
	return nil
}

// Advance implements claimloop.Machine.
func (c *copier) Advance(b stream.Batch) {
	c.position = max(c.position, b.Next)
	if len(c.records) == 0 {
		c.advanceCommit()
	}
}

// NextDue implements claimloop.Machine: nothing is due by the clock.
func (c *copier) NextDue(int64) (at int64, ok bool) { return 0, false }

// Due implements claimloop.Machine.
func (c *copier) Due(int64) ([]stream.Record, bool) { return c.records, len(c.records) > 0 }

// Confirm implements claimloop.Machine. The queues have the records by then, but may
// not have written them yet.
func (c *copier) Confirm([]stream.Record) {
	c.records = nil
	c.advanceCommit()
}

// advanceCommit moves the commit up to the offset before which the queues have written
// everything.
func (c *copier) advanceCommit() {
	if next := c.queues.written(c.position); next > c.done {
		c.done, c.commit = next, stream.Commit{Offset: next}
	}
}

// Commit implements claimloop.Machine.
func (c *copier) Commit() stream.Commit { return c.commit }

// greatestTotals keeps the greatest total of the recent windows of each channel, so
// that only swarms with a greater one are copied.
type greatestTotals struct {
	totals map[key]int64
	newest int64 // greatest end of a window so far, ms
}

// totalsKept is how long a window's total is kept, in ms. A swarm of an older window is
// always copied; its readers merge it.
const totalsKept = int64(10 * time.Minute / time.Millisecond)

// grows says whether a swarm's total is greater than all totals of its window before.
// If so, it keeps the total.
func (g *greatestTotals) grows(s wire.Swarm) bool {
	k := key{s.Window.End, s.Channel}
	if known, ok := g.totals[k]; ok && s.Total <= known {
		return false
	}
	if g.totals == nil {
		g.totals = map[key]int64{}
	}
	if k.end > g.newest {
		g.newest = k.end
		maps.DeleteFunc(g.totals, func(old key, _ int64) bool { return old.end < g.newest-totalsKept })
	}
	g.totals[k] = s.Total
	return true
}
