package simulation_test

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// remove lets retention remove the first records of a partition. Most often it removes
// what was committed, or what was emitted and is not committed yet. Sometimes it removes
// what nobody has read. Then it often kills who works on the partition.
func (w *world) remove() {
	t := []*topic{w.reactions(), w.partials(), w.counts()}[w.rng.IntN(3)]
	number := w.rng.IntN(len(t.partitions))
	p, r := t.partitions[number], w.roleOf(t, number)
	var emitted struct {
		Reactions int64 `json:"counted"`
		Partials  int64 `json:"reduced"`
	}
	_ = json.Unmarshal([]byte(r.commit.Metadata), &emitted) // without a commit it is 0
	from := p.start
	var to int64
	switch w.rng.IntN(8) {
	case 0:
		to = p.stable()
	case 1, 2, 3:
		from, to = max(from, r.commit.Offset), max(emitted.Reactions, emitted.Partials)
	default:
		to = r.commit.Offset
	}
	if from = min(from, p.stable()); to < from {
		return
	}
	start := from + w.rng.Int64N(to-from+1)
	if start == p.start {
		return
	}
	w.faults.removals++
	w.event("retention removes %s/%d up to %d", t.name, number, start)
	p.start = start
	for _, r := range w.roles {
		w.unshown = w.unshown || r.topic == t && t == w.counts() && r.partition == number && r.commit.Offset < start
	}
	if w.rng.IntN(2) == 0 && r.holder != nil {
		r.holder.stop()
	}
}

// roleOf returns the first role that works on a partition of a topic.
func (w *world) roleOf(t *topic, partition int) *role {
	for _, r := range w.roles {
		if r.topic == t && r.partition == partition {
			return r
		}
	}
	return nil
}

// saysWhatIsGone says whether err says that retention has removed what the process
// needs, which must be so.
func (p *worker) saysWhatIsGone(err error) bool {
	w := p.world
	gone := w.set.removals > 0 && p.role.topic.partitions[p.role.partition].start > 0
	if _, ok := errors.AsType[*aggregator.CommitError](err); ok {
		return gone && p.role.topic == w.reactions()
	}
	_, ok := errors.AsType[*aggregator.PartialsError](err)
	return ok && gone && p.role.topic == w.partials()
}

// mostStops is how often a role's processes may end because of what retention removed,
// until nobody begins it again.
const mostStops = 3

// isStopped says whether nobody does the role's work any more, because of what retention
// removed.
func (r *role) isStopped() bool { return r.stops >= mostStops }

// isStopped says whether a role is stopped.
func (w *world) isStopped() bool {
	for _, r := range w.roles {
		if r.isStopped() {
			return true
		}
	}
	return false
}

// resetLost starts aggregate again with --reset-lost. What is gone is not counted, or
// counted apart, but later reactions are counted right.
func (w *world) resetLost() {
	if w.t.Failed() {
		return
	}
	w.faults.stopped++
	w.event("aggregate goes on with --reset-lost")
	w.reset = true
	for _, r := range w.roles {
		if r.topic == w.reactions() || r.topic == w.partials() {
			if r.stops = 0; r.holder != nil {
				r.holder.stop()
			}
		}
	}
	w.settle()
	for range 2 {
		w.addLater()
		w.settle()
	}
	want, got := map[cell]int64{}, map[cell]int64{}
	for _, p := range w.reactions().partitions {
		all, _ := w.truth(p)
		for c, n := range all {
			if c.Emoji == later {
				want[c] += n
			}
		}
	}
	for _, p := range w.counts().partitions {
		for _, r := range p.own() {
			if c := w.count(r); c.Emoji == later {
				merge(got, c)
			}
		}
	}
	w.equal("what was counted after --reset-lost", want, got)
}

// later is the emoji of the reactions that come when the adversary has stopped.
const later = "💯"

// addLater appends a reaction of each channel to each partition, with a time that closes
// all windows before.
func (w *world) addLater() {
	w.pass(w.set.lateness + 10*time.Second)
	for _, p := range w.reactions().partitions {
		for _, channel := range channels {
			p.append(stream.Record{
				Time:  time.Now().Add(w.set.lateness).UnixMilli(),
				Value: wire.AppendReaction(nil, wire.Reaction{UserID: "u", Emoji: later, Channel: channel}),
			})
		}
	}
}

// checkWithin checks that nothing shows more than there is.
func (w *world) checkWithin(want map[cell]int64) {
	for _, cluster := range w.clusters() {
		w.within(cluster, want, w.shown(w.topics[cluster]))
	}
	w.within(observed, want, w.shown(w.topics[observed]))
}
