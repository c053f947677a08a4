package simulation_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/publisher"
)

// role is the work of one consumer group on one partition. The group gives it to one
// process at a time, the holder.
type role struct {
	name      string
	topic     *topic
	partition int
	work      func(context.Context, *worker, stream.Claim) error
	since     int64 // the log begins at this offset for the role
	commit    stream.Commit
	holder    *worker   // nil: none
	begins    time.Time // if there is no holder: when the next one claims the role
	cut       bool      // it is of combine, and went on where its commit was gone
	stops     int       // how many processes have ended because of what retention removed
}

// worker is a process with a role. If the group takes it for dead, it is no longer the
// holder, but goes on for a while.
type worker struct {
	world  *world
	id     int
	role   *role
	stop   context.CancelFunc
	paused time.Time         // it does nothing before this time
	ended  chan error        // why it ended; has room for one value
	counts map[written]int64 // the last that it wrote of each thing
	commit stream.Commit     // its last commit that was stored
}

// written names something of which a process writes a number that never gets smaller:
// an emoji's count, the offset that a partial reaches, or a swarm's total.
type written struct {
	topic string // only of swarms, which a process writes to several topics
	cell
}

func (p *worker) String() string { return fmt.Sprintf("%s #%d", p.role.name, p.id) }

// begin starts a new process that claims a role. A process that held the role before is
// not told.
func (w *world) begin(r *role) {
	ctx, stop := context.WithCancel(context.Background())
	p := &worker{world: w, id: w.events, role: r, stop: stop, ended: make(chan error, 1), counts: map[written]int64{}, commit: r.commit}
	w.event("%s begins from %d %s", p, r.commit.Offset, r.commit.Metadata)
	r.holder = p
	w.workers = append(w.workers, p)
	log := r.topic.partitions[r.partition]
	r.cut = r.cut || r.topic == w.reactions() && r.commit.Offset < log.start
	claim := stream.Claim{
		Topic: r.topic.name, Partition: r.partition, Partitions: len(r.topic.partitions),
		Committed: r.commit, Start: max(log.start, r.since), End: log.end(),
		Log: &reader{worker: p, topic: r.topic, number: r.partition}, Offsets: committer{p},
	}
	go func() { p.ended <- r.work(ctx, p, claim) }()
}

// reap removes processes that have ended, and fails if one ended without being stopped
// or fenced. Then it starts processes for roles that have no holder and are due to be
// claimed.
func (w *world) reap() {
	w.workers = slices.DeleteFunc(w.workers, func(p *worker) bool {
		select {
		case err := <-p.ended:
			w.event("%s ends: %v", p, err)
			switch {
			case errors.Is(err, context.Canceled) || errors.Is(err, stream.ErrFenced):
			case p.saysWhatIsGone(err):
				p.role.stops++
			default:
				w.t.Errorf("%s ended: %v", p, err)
			}
			p.stop()
			w.release(p)
			return true
		default:
			return false
		}
	})
	now := time.Now()
	for _, r := range w.roles {
		if r.holder == nil && !now.Before(r.begins) && !r.isStopped() && !w.t.Failed() {
			w.begin(r)
		}
	}
}

// release takes the role away from a process, if it is the holder. Another process
// claims the role within three seconds.
func (w *world) release(p *worker) {
	if p.role.holder != p {
		return
	}
	p.role.holder, p.role.begins = nil, time.Now()
	if !w.calm {
		p.role.begins = p.role.begins.Add(time.Duration(w.rng.Int64N(int64(3 * time.Second))))
	}
}

// checkGrows fails if a process writes a smaller number than it wrote of the same thing
// before. A process may have forgotten what it wrote of a window that a reset has opened
// again, which does no harm.
func (p *worker) checkGrows(t *topic, records []stream.Record) {
	grow := func(what written, n int64) {
		if n < p.counts[what] {
			p.world.t.Errorf("%s has written %d of %+v to %s, and now %d", p, p.counts[what], what, t.name, n)
		}
		p.counts[what] = n
	}
	for _, r := range records {
		switch t {
		case p.world.counts():
			if c := p.world.count(r); c.Window.End <= p.world.reopened {
				grow(written{cell: cell{c.Window.End, c.Channel, c.Emoji}}, c.Count)
			}
		case p.world.partials():
			if bytes.HasPrefix(r.Value, []byte(`{"mark":`)) {
				continue // most are marks: do not spend the time to decode them
			}
			if progress, err := wire.DecodeProgress(r.Value); err == nil && progress.Partial != nil {
				c := progress.Partial
				grow(written{cell: cell{End: c.End, Channel: c.Channel}}, c.Next)
			}
		case p.world.topics[observed]:
		default:
			if p.role.topic == p.world.counts() {
				if s := p.world.swarm(r); s.Window.End <= p.world.reopened {
					grow(written{t.name, cell{End: s.Window.End, Channel: s.Channel}}, s.Total)
				}
			}
		}
	}
}

// addRoles adds the roles of the pipeline, in the order in which reactions pass through
// them.
func (w *world) addRoles() {
	names := wire.Topics{}
	w.topic(observed, 1)
	add := func(group string, t *topic, work func(context.Context, *worker, stream.Claim) error) {
		for i := range t.partitions {
			w.roles = append(w.roles, &role{
				name: fmt.Sprintf("%s/%d", group, i), topic: t, partition: i, work: work,
				commit: stream.Commit{Offset: stream.None},
			})
		}
	}
	add("combine", w.reactions(), func(ctx context.Context, p *worker, c stream.Claim) error {
		return w.aggregator(p).Combine(ctx, c)
	})
	add("reduce", w.partials(), func(ctx context.Context, p *worker, c stream.Claim) error {
		return w.aggregator(p).Reduce(ctx, c)
	})
	add("main", w.counts(), func(ctx context.Context, p *worker, c stream.Claim) error {
		return publisher.New(w.publisher(p)).Main(ctx, c)
	})
	for _, cluster := range w.clusters() {
		add(cluster, w.topic(names.Cluster(cluster), 1), func(ctx context.Context, p *worker, c stream.Claim) error {
			return publisher.New(w.publisher(p)).Cluster(ctx, cluster, c)
		})
	}
}

func (w *world) clusters() (names []string) {
	for i := range w.set.clusters {
		names = append(names, fmt.Sprintf("cluster_%d", i+1))
	}
	return names
}

// aggregator returns a new aggregator that writes for process p.
func (w *world) aggregator(p *worker) *aggregator.Aggregator {
	a, err := aggregator.New(aggregator.Config{
		Window: w.set.window, Lateness: w.set.lateness, Grace: w.set.grace,
		Partials: writer{p, w.partials()}, PartialPartitions: w.set.reducers,
		Counts: writer{p, w.counts()}, CountPartitions: w.set.counts, MaxHeld: w.set.maxHeld, ResetLost: w.reset,
		ReactionPartitions: w.set.reactions, SkipOtherMarks: true, // the adversary writes such marks
	})
	if err != nil {
		panic(err) // histories draw valid settings only
	}
	return a
}

// observe is the work of an observer: role main of publish, but to the topic observed.
func (w *world) observe(ctx context.Context, p *worker, c stream.Claim) error {
	cfg := w.publisher(p)
	cfg.Clusters = []string{observed}
	return publisher.New(cfg).Main(ctx, c)
}

// observed is the topic that observers write to.
const observed = "observed"

// publisher returns the configuration of a publisher that writes for process p.
func (w *world) publisher(p *worker) publisher.Config {
	return publisher.Config{
		Topic:    func(name string) stream.Writer { return writer{p, w.topics[name]} },
		Clusters: w.clusters(), Servers: w.roster, Lateness: w.set.lateness,
	}
}

// announce puts all subscriber servers into the roster, as their heartbeats would.
func (w *world) announce() {
	names := wire.Topics{}
	for i := range w.set.servers {
		name := fmt.Sprintf("sub%d", i+1)
		w.topic(names.Server(name), 1)
		w.roster.Apply(wire.ServerStatus{
			Name: name, Instance: "a", URL: "http://" + name, Topic: names.Server(name), Capacity: 1, State: wire.StateServing,
			Cluster: w.clusters()[i*w.set.clusters/w.set.servers],
		}, time.Now())
	}
}
