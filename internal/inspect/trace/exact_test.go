package trace_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/inspect/trace"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/publisher"
)

const partitions = 3

// world is a whole pipeline: the stages' own state machines on logs in memory. tapped,
// partial, count and swarm are called with each record that is appended to a log.
type world struct {
	t         *testing.T
	combiners [partitions]*aggregator.Combiner
	reducer   *aggregator.Reducer
	merger    *publisher.Merger
	log       [partitions][]stream.Record
	partials  []stream.Record
	counts    [][]stream.Record // records of each emission
	next      int64             // next offset in emoji-aggregated
	read      int               // number of emissions that the merger has read

	tapped  func(partition int, r stream.Record)
	partial func(stream.Record)
	count   func(stream.Record)
	swarm   func(wire.Swarm)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t}
	windows, err := windowing.New(time.Second, 2*time.Second)
	none := stream.Commit{Offset: stream.None}
	for p := range partitions {
		cfg := aggregator.CombinerConfig{Windows: windows, Grace: 100 * time.Millisecond, Partition: p, Partitions: partitions, Reducers: 1}
		if err == nil {
			w.combiners[p], err = aggregator.NewCombiner(cfg, none, 0, 0, false)
		}
	}
	if err == nil {
		w.reducer, err = aggregator.NewReducer(aggregator.ReducerConfig{Windows: windows, Partitions: 1}, none, 0, false)
	}
	if err == nil {
		w.merger, err = publisher.NewMerger(publisher.Config{Top: 1 << 20}, none, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// tap appends a reaction to emoji-topic.
func (w *world) tap(partition int, at int64, emoji, channel string) {
	r := stream.Record{
		Offset: int64(len(w.log[partition])), Time: at,
		Value: wire.AppendReaction(nil, wire.Reaction{UserID: "u", Emoji: emoji, Channel: channel}),
	}
	w.log[partition] = append(w.log[partition], r)
	w.tapped(partition, r)
}

// combine makes a combiner read n records, and emit what is due.
func (w *world) combine(partition int, n int64, now int64) {
	c, log := w.combiners[partition], w.log[partition]
	for ; n > 0 && c.Position() < int64(len(log)); n-- {
		if err := c.Add(log[c.Position()], now); err != nil {
			w.t.Fatal(err)
		}
	}
	c.Advance(stream.Batch{Next: c.Position(), HighWatermark: int64(len(log)), SentAt: time.UnixMilli(now)})
	if e, ok := c.Due(now); ok {
		for _, r := range e.Records[0] {
			w.partials = append(w.partials, r)
			w.partial(r)
		}
		c.Confirm(e)
	}
}

// reduce makes the reducer read n records, and emit what is due.
func (w *world) reduce(n, now int64) {
	for ; n > 0 && w.reducer.Position() < int64(len(w.partials)); n-- {
		at := w.reducer.Position()
		if err := w.reducer.Add(stream.Record{Offset: at, Value: w.partials[at].Value}, now); err != nil {
			w.t.Fatal(err)
		}
	}
	w.reducer.Advance(stream.Batch{Next: w.reducer.Position()})
	if e, ok := w.reducer.Due(now); ok {
		for _, counted := range e.Windows {
			for i := range counted.Records {
				counted.Records[i].Offset = w.next
				w.next++
				w.count(counted.Records[i])
			}
			w.counts = append(w.counts, counted.Records)
		}
		w.reducer.Confirm(e)
	}
}

// publish makes the merger read n emissions, and send what is due.
func (w *world) publish(n int64, now int64) {
	for ; n > 0 && w.read < len(w.counts); n-- {
		for _, r := range w.counts[w.read] {
			if err := w.merger.Add(r, now); err != nil {
				w.t.Fatal(err)
			}
		}
		w.read++
	}
	unread := len(w.counts) - w.read
	w.merger.Advance(stream.Batch{Next: w.merger.Position(), HighWatermark: w.merger.Position() + int64(unread)})
	e, _ := w.merger.Due(now)
	for _, s := range e.Swarms {
		w.swarm(s)
	}
	w.merger.Confirm(e)
}

// The tracer's conclusions are true. Two pipelines run with the same delays. In the
// first, many reactions have the same emoji, and are traced. In the second each
// reaction has an emoji of its own, so that one can see which record holds it.
func TestWhatIsConcludedIsSo(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { concluded(t, seed) })
	}
}

// place is the place of a reaction in the log.
type place struct {
	partition int
	offset    int64
}

func concluded(t *testing.T, seed uint64) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 1))
	now := int64(1_000_000)
	tracer := trace.New(trace.Config{Partials: true, StuckAfter: time.Minute})
	tracer.Cluster("cluster_1")
	traced, plain := newWorld(t), newWorld(t)
	at := func() int64 { return now * 1000 }
	traced.tapped = func(p int, r stream.Record) { tracer.Reaction(p, r, at()) }
	traced.partial = func(r stream.Record) { tracer.Progress(r, at()) }
	traced.count = func(r stream.Record) { tracer.Count(r, at()) }
	traced.swarm = func(s wire.Swarm) {
		value := fmt.Appendf(nil, `{"channel":%q,"window":{"start":"%s","end":"%s"},"total":%d,"emojis":[]}`, s.Channel, wire.Time(s.Window.Start), wire.Time(s.Window.End), s.Total)
		tracer.Swarm("cluster_1", stream.Record{Value: value}, at())
	}
	seen := map[trace.Stage]map[string]int64{trace.Counted: {}, trace.Aggregated: {}, trace.Clustered: {}}
	see := func(s trace.Stage, emoji string) {
		if seen[s][emoji] == 0 {
			seen[s][emoji] = at()
		}
	}
	plain.tapped = func(int, stream.Record) {}
	plain.partial = func(r stream.Record) {
		if p, err := wire.DecodeProgress(r.Value); err == nil && p.Partial != nil {
			for e := range p.Partial.Counts {
				see(trace.Counted, e)
			}
		}
	}
	plain.count = func(r stream.Record) {
		if c, err := wire.DecodeCount(r.Value); err == nil {
			see(trace.Aggregated, c.Emoji)
		}
	}
	plain.swarm = func(s wire.Swarm) {
		for _, e := range s.Emojis {
			see(trace.Clustered, e.Emoji)
		}
	}
	names := map[place]string{}
	slow := []int64{0, 1, 3, 1000}
	for end := now + 10_000; now < end+20_000; now += 1 + rnd.Int64N(20) {
		if p := rnd.IntN(partitions); now < end && rnd.IntN(3) > 0 {
			accepted := now - rnd.Int64N(30)
			if rnd.IntN(50) == 0 {
				accepted -= rnd.Int64N(5000) // the reaction is late
			}
			channel := []string{"main", "room"}[rnd.IntN(2)]
			name := fmt.Sprintf("e%d", len(names))
			names[place{p, int64(len(plain.log[p]))}] = name
			plain.tap(p, accepted, name, channel)
			traced.tap(p, accepted, []string{"🔥", "🎉"}[rnd.IntN(2)], channel)
		}
		few := func() int64 {
			if now > end {
				return 1000
			}
			return slow[rnd.IntN(len(slow))]
		}
		for p := range partitions {
			n := few()
			traced.combine(p, n, now)
			plain.combine(p, n, now)
		}
		n, m := few(), few()
		traced.reduce(n, now)
		plain.reduce(n, now)
		traced.publish(m, now)
		plain.publish(m, now)
		tracer.Tick(at())
	}
	done := tracer.Finished()
	if len(done) != len(names) || len(names) < 300 {
		t.Errorf("%d of %d reactions came to an end", len(done), len(names))
	}
	for _, j := range done {
		name := names[place{j.Partition, j.Offset}]
		for s, when := range seen {
			if j.Stuck || j.At[s] != when[name] {
				t.Fatalf("%s at %d/%d: %s at %d, and it was so at %d (stuck: %v)", name, j.Partition, j.Offset, s, j.At[s], when[name], j.Stuck)
			}
		}
	}
	checkSums(t, tracer.Report())
}

// checkSums fails the test unless the means of all hops add up to the mean from end to
// end.
func checkSums(t *testing.T, r trace.Report) {
	t.Helper()
	sum := 0.0
	for _, h := range r.Hops {
		sum += h.Mean
	}
	if d := sum - r.EndToEnd.Mean; d > 1e-6 || d < -1e-6 || r.Done > 0 && r.EndToEnd.N != r.Done {
		t.Errorf("hops of %v ms add up to no %v ms (%d of %d done)", sum, r.EndToEnd.Mean, r.EndToEnd.N, r.Done)
	}
}
