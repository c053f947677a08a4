package simulation_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"time"

	diff "github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// cell is an emoji in a window of a channel: what one count is about.
type cell struct {
	End            int64
	Channel, Emoji string
}

// truth counts a partition of reactions from its first record, by the rule of
// ARCHITECTURE.md.
//
// The watermark is the greatest time of the reactions before a record. A window is open
// while the watermark is below the window's end plus the lateness. A reaction belongs
// to the window of its time if that is open, otherwise to the oldest open window.
//
// A time that closes the window of the watermark becomes the watermark only if the next
// reaction's own window would be open then. If it would not, while it is open now, the
// window of that time gets no more reactions: the next window gets them. A reaction
// without a time that can be written has that of the watermark, and decides nothing.
//
// What a reset does is taken from internal/windowing, since it remembers a bounded number
// of windows. But no window that was counted in may get more reactions after it.
//
// Truth returns the counts, and how many of them are of reactions without a time.
func (w *world) truth(p *partition) (out, timeless map[cell]int64) {
	length, lateness := w.set.window.Milliseconds(), w.set.lateness.Milliseconds()
	out, timeless = map[cell]int64{}, map[cell]int64{}
	const none = math.MinInt64 / 2
	watermark, pending := int64(none), int64(none)
	full := map[int64]bool{} // ends of windows that get no more reactions
	own := func(t int64) int64 { return (t/length + 1) * length }
	isOpen := func(end, watermark int64) bool { return watermark < end+lateness }
	next := func(end int64) int64 {
		for full[end] {
			end += length
		}
		return end
	}
	oldest := int64(0) // end of the oldest open window, once the loop below has run
	for _, r := range p.records {
		if p.strange[r.Offset] > foreign {
			continue // nobody can read it
		}
		reaction, err := wire.DecodeCountedFields(r.Value)
		if err != nil {
			if s := w.state(p, r.Offset+1); s.Reset == r.Offset+1 {
				full = w.spent(s)
				if s.Watermark < watermark {
					watermark, pending, oldest = s.Watermark, none, 0
					w.checkSpent(s, full, out)
				}
			}
			continue
		}
		written := r.Time > 0 && time.UnixMilli(r.Time).UTC().Year() < 10000
		if written && pending != none {
			if isOpen(own(r.Time), pending) {
				watermark, pending = pending, none
			} else if isOpen(own(r.Time), watermark) {
				full[next(own(pending))], pending = true, none
			}
		}
		for !isOpen(oldest, watermark) {
			if watermark-oldest > 1000*length { // after a leap of the clock, windows are too many to go through
				oldest += (watermark - oldest - 500*length) / length * length
			}
			oldest += length
		}
		c := cell{next(oldest), cmp.Or(string(reaction.Channel), wire.MainChannel), string(reaction.Emoji)}
		switch {
		case !written:
			c.End = next(own(max(watermark, 0)))
			timeless[c]++
		case isOpen(own(r.Time), watermark):
			c.End = next(own(r.Time))
		}
		out[c]++
		if written && r.Time > watermark {
			if far := watermark == none || !isOpen(own(watermark), r.Time); far && w.ranges(full, watermark) < wire.MaxWindowRanges {
				pending = r.Time
			} else {
				watermark = r.Time
			}
		}
	}
	return out, timeless
}

// spent returns the ends of the windows that get no more reactions.
func (w *world) spent(s windowing.State) map[int64]bool {
	full := map[int64]bool{}
	for _, r := range s.Spent {
		for end := r[0]; end <= r[1]; end += w.set.window.Milliseconds() {
			full[end] = true
		}
	}
	return full
}

// checkSpent fails if windows that were counted in may get more reactions after a reset.
func (w *world) checkSpent(s windowing.State, full map[int64]bool, counted map[cell]int64) {
	for c := range counted {
		if s.Watermark < c.End+w.set.lateness.Milliseconds() && !full[c.End] {
			w.t.Errorf("reactions were counted in the window that ends at %d, and may be again after a reset", c.End)
		}
	}
}

// ranges returns how many ranges of windows there are among those that get no more
// reactions and are open.
func (w *world) ranges(full map[int64]bool, watermark int64) (n int) {
	for end := range full {
		before := end - w.set.window.Milliseconds()
		if open := watermark < end+w.set.lateness.Milliseconds(); open && (!full[before] || watermark >= before+w.set.lateness.Milliseconds()) {
			n++
		}
	}
	return n
}

// check compares the log with the counts, and with the swarms in all topics.
func (w *world) check() {
	least, want := map[cell]int64{}, map[cell]int64{}
	for i, p := range w.reactions().partitions {
		all, timeless := w.truth(p)
		for c, n := range all {
			want[c] += n
			combine, reduce := w.roleOf(w.reactions(), i), w.roleOf(w.partials(), wire.PartitionOf(c.Channel, w.set.reducers))
			if combine.cut {
				n -= timeless[c]
			}
			if !combine.isStopped() && !reduce.isStopped() {
				least[c] += n
			}
		}
	}
	counted := map[cell]int64{}
	for _, p := range w.counts().partitions {
		for _, r := range p.own() {
			merge(counted, w.count(r))
		}
	}
	if maps.Equal(least, want) {
		w.equal("emoji-aggregated", want, counted)
	} else {
		w.within("emoji-aggregated", want, counted)
		w.within("the log", counted, least)
		want = counted
	}
	w.leaveOutFuture(want)
	if w.unshown {
		w.checkWithin(want)
		return
	}
	for _, cluster := range w.clusters() {
		w.equal(cluster, want, w.shown(w.topics[cluster]))
		w.checkQuiet(cluster)
	}
	for i := range w.set.servers {
		name := wire.Topics{}.Server(fmt.Sprintf("sub%d", i+1))
		w.equal(name, want, w.shown(w.topics[name]))
	}
	w.checkObservers(want)
}

func (w *world) equal(what string, want, got map[cell]int64) {
	w.t.Helper()
	if !maps.Equal(want, got) {
		w.t.Errorf("%s (-want +got):\n%s", what, diff.Diff(want, got))
	}
}

// within fails if got has a greater count than want anywhere.
func (w *world) within(what string, want, got map[cell]int64) {
	w.t.Helper()
	for c, n := range got {
		if n > want[c] {
			w.t.Errorf("%s shows %d of %+v, and there are %d", what, n, c, want[c])
		}
	}
}

// leaveOutFuture removes the windows that were so far ahead of the clock when they were
// counted that publishers do not show them.
func (w *world) leaveOutFuture(want map[cell]int64) {
	w.hidden = map[int64]bool{}
	for _, p := range w.counts().partitions {
		for _, r := range p.own() {
			if end := w.count(r).Window.End; end > r.Time+(w.set.lateness+wire.MaxAhead).Milliseconds() {
				w.hidden[end] = true
			}
		}
	}
	maps.DeleteFunc(want, func(c cell, _ int64) bool { return w.hidden[c.End] })
}

// checkQuiet fails unless each channel got an empty swarm for the window after its last
// one.
func (w *world) checkQuiet(cluster string) {
	for channel, end := range w.notQuiet(cluster) {
		w.t.Errorf("%s: no empty swarm tells that %s is silent after %d", cluster, channel, end)
	}
}

// notQuiet returns the channels that got no empty swarm for the window after their last
// one, and where that one ended.
func (w *world) notQuiet(cluster string) map[string]int64 {
	last, quiet := map[string]int64{}, map[cell]bool{}
	for _, r := range w.topics[cluster].partitions[0].own() {
		if s := w.swarm(r); s.Total == 0 {
			quiet[cell{End: s.Window.Start, Channel: s.Channel}] = true
		} else {
			last[s.Channel] = max(last[s.Channel], s.Window.End)
		}
	}
	maps.DeleteFunc(last, func(channel string, end int64) bool { return quiet[cell{End: end, Channel: channel}] })
	return last
}

// checkObservers checks the observers, which are publishers that began in the middle of
// emoji-aggregated. They may not show a count that is too great. They must show all of
// each window whose first count was written after they began.
func (w *world) checkObservers(want map[cell]int64) {
	got := w.shown(w.topics[observed])
	w.within(observed, want, got)
	old := map[cell]bool{}
	for _, r := range w.roles {
		for _, rec := range r.topic.partitions[r.partition].own() {
			if rec.Offset >= r.since {
				break
			}
			c := w.count(rec)
			old[cell{End: c.Window.End, Channel: c.Channel}] = true
		}
	}
	for c, n := range want {
		if !old[cell{End: c.End, Channel: c.Channel}] && got[c] != n {
			w.t.Errorf("who begins in the middle shows %d of %+v, and there are %d", got[c], c, n)
		}
	}
}

// checkClosed appends reactions with a later time, which close all windows before them.
// Then all records before these reactions must be committed, so that no process keeps
// old windows for ever.
func (w *world) checkClosed() {
	last := map[*partition]int64{}
	for range 2 { // a mark closes only windows that were written before it
		for _, p := range w.reactions().partitions {
			last[p] = p.end()
		}
		w.addLater()
		partials := map[*partition]int64{}
		for _, p := range w.partials().partitions {
			partials[p] = p.end()
		}
		if w.settle(); w.isStopped() {
			break
		}
		for _, r := range w.roles {
			p := r.topic.partitions[r.partition]
			switch r.topic {
			case w.reactions():
				if r.commit.Offset != last[p] {
					w.t.Errorf("%s is committed until %d of %d", r.name, r.commit.Offset, last[p])
				}
			case w.partials():
				if r.commit.Offset < partials[p] {
					w.t.Errorf("%s is committed until %d, and all before %d is closed", r.name, r.commit.Offset, partials[p])
				}
			}
		}
	}
	w.check()
}

func merge(into map[cell]int64, c wire.Count) {
	k := cell{c.Window.End, c.Channel, c.Emoji}
	into[k] = max(into[k], c.Count)
}

// count decodes a record of emoji-aggregated.
func (w *world) count(r stream.Record) wire.Count {
	c, ok := w.decoded.counts[string(r.Value)]
	if !ok {
		if err := json.Unmarshal(r.Value, &c); err != nil {
			w.t.Fatal(err)
		}
		if c.Channel == "" {
			c.Channel = wire.MainChannel
		}
		w.decoded.counts[string(r.Value)] = c
	}
	return c
}

// swarm decodes a record of a cluster's or a subscriber server's topic.
func (w *world) swarm(r stream.Record) wire.Swarm {
	s, ok := w.decoded.swarms[string(r.Value)]
	if !ok {
		var err error
		if s, err = wire.DecodeSwarm(r.Value); err != nil {
			w.t.Fatal(err)
		}
		w.decoded.swarms[string(r.Value)] = s
	}
	return s
}

// decoded caches what records say, by their values, since the same values are written
// again and again.
type decoded struct {
	counts map[string]wire.Count
	swarms map[string]wire.Swarm
}

// shown returns the counts that any reader of a topic shows. Of each window and channel a
// reader takes the swarm with the greatest total.
func (w *world) shown(topic *topic) map[cell]int64 {
	greatest := map[cell]wire.Swarm{}
	for _, r := range topic.partitions[0].own() {
		s := w.swarm(r)
		k := cell{End: s.Window.End, Channel: s.Channel}
		if old, ok := greatest[k]; !ok || s.Total > old.Total {
			greatest[k] = s
		}
	}
	out := map[cell]int64{}
	for _, s := range greatest {
		if w.hidden[s.Window.End] {
			continue
		}
		total := int64(0)
		for _, e := range s.Emojis {
			out[cell{s.Window.End, s.Channel, e.Emoji}] = e.Count
			total += e.Count
		}
		if total != s.Total {
			w.t.Errorf("a swarm of %d says that it has %d", total, s.Total)
		}
	}
	return out
}
