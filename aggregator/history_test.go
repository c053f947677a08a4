package aggregator_test

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/publisher"
)

// Combiners, reducers and mergers on logs in memory, with partitions that fall
// silent and records that are late. Every process can be killed between any two
// of its steps, and begins again from its commit; some are only taken for dead
// and go on until a commit is refused them. In the end every reaction is counted
// once, and the swarms say so too; and once nothing is killed any more and
// newer reactions come, all that is old is closed and committed.
func TestHistoriesAreCountedExactly(t *testing.T) {
	seeds := uint64(120)
	if testing.Short() {
		seeds = 20
	}
	for seed := range seeds {
		h := newHistory(t, seed)
		h.run()
		if t.Failed() {
			return
		}
	}
}

type history struct {
	t       *testing.T
	seed    uint64
	rng     *rand.Rand
	windows aggregator.Windows
	now     int64
	kills   int   // to come
	fetch   int64 // fewer records than this are read at once
	sent    int   // swarms

	reactions [][]stream.Record // the topics, by partition
	partials  [][]stream.Record
	counts    [][]stream.Record
	swarms    map[cell]wire.Swarm // the greatest of each window and channel

	roles   map[string]role
	commits map[string]stream.Commit
	holders map[string]int // by role: how many processes it had
	workers []*worker
}

// role is what one process at a time does with one partition. It yields between
// any two steps that a kill could come between.
type role func(holder int) iter.Seq[struct{}]

// worker is a process that has a role, or still believes so.
type worker struct {
	role   string
	holder int
	step   func() (struct{}, bool)
	kill   func()
}

func newHistory(t *testing.T, seed uint64) *history {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 3))
	h := &history{
		t: t, seed: seed, rng: rng, windows: small(1 + rng.Int64N(120)), now: 1e6, kills: rng.IntN(30), fetch: 12,
		reactions: make([][]stream.Record, 1+rng.IntN(3)),
		partials:  make([][]stream.Record, 1+rng.IntN(2)),
		counts:    make([][]stream.Record, 1+rng.IntN(2)),
		swarms:    map[cell]wire.Swarm{},
		roles:     map[string]role{}, commits: map[string]stream.Commit{}, holders: map[string]int{},
	}
	for p := range h.reactions {
		h.add(fmt.Sprint("combine ", p), h.combine, p)
	}
	for p := range h.partials {
		h.add(fmt.Sprint("reduce ", p), h.reduce, p)
	}
	for p := range h.counts {
		h.add(fmt.Sprint("merge ", p), h.merge, p)
	}
	return h
}

func (h *history) add(name string, f func(name string, partition, holder int) iter.Seq[struct{}], partition int) {
	h.roles[name] = func(holder int) iter.Seq[struct{}] { return f(name, partition, holder) }
	h.commits[name] = stream.Commit{Offset: stream.None}
	h.begin(name)
}

// begin lets a new process take a role.
func (h *history) begin(name string) {
	h.holders[name]++
	w := &worker{role: name, holder: h.holders[name]}
	w.step, w.kill = iter.Pull(h.roles[name](w.holder))
	h.workers = append(h.workers, w)
}

// commit stores a commit, unless the role has passed to another process.
func (h *history) commit(name string, holder int, c stream.Commit) bool {
	if h.holders[name] != holder {
		return false
	}
	h.commits[name] = c
	return true
}

func (h *history) run() {
	defer func() {
		for _, w := range h.workers {
			w.kill()
		}
	}()
	silent := 0
	for range 500 + h.rng.IntN(2500) {
		h.now += h.rng.Int64N(8)
		if h.rng.IntN(100) == 0 {
			silent = h.rng.IntN(len(h.reactions) + 1) // partitions from this one on
		}
		if p := h.rng.IntN(len(h.reactions)); p < silent && h.rng.IntN(3) == 0 {
			h.reactions[p] = append(h.reactions[p], randomRecord(h.rng, h.windows, int64(len(h.reactions[p])), h.now))
		}
		h.step(h.rng.IntN(len(h.workers)))
	}
	h.settle()
	h.check()

	var ends []int64
	for p := range h.reactions { // what closes all windows before it
		ends = append(ends, int64(len(h.reactions[p])))
		h.reactions[p] = append(h.reactions[p], stream.Record{Offset: ends[p], Time: h.now + 1e5, Value: value("💯")})
	}
	h.now += 1e5
	h.settle()
	h.check()
	for p, end := range ends {
		if got := h.commits[fmt.Sprint("combine ", p)].Offset; got != end {
			h.t.Errorf("seed %d: partition %d is committed until %d, want %d: all is closed", h.seed, p, got, end)
		}
	}
}

// step lets a worker go on, or kills it.
func (h *history) step(i int) {
	w := h.workers[i]
	if h.kills > 0 && h.rng.IntN(40) == 0 {
		h.kills--
		if h.rng.IntN(2) == 0 {
			w.kill()
			h.workers = slices.Delete(h.workers, i, i+1)
		} // else it is only taken for dead
		if h.holders[w.role] == w.holder {
			h.begin(w.role)
		}
		return
	}
	if _, alive := w.step(); !alive {
		h.workers = slices.Delete(h.workers, i, i+1)
	}
}

// settle lets everybody work on without faults, until nothing new comes of it.
func (h *history) settle() {
	h.kills, h.fetch = 0, 1000
	for quiet, made := 0, 0; quiet < 100; quiet++ {
		h.now += 20
		for i := range slices.Backward(h.workers) {
			h.step(i)
		}
		now := h.sent
		for _, log := range h.counts {
			now += len(log)
		}
		if now > made {
			quiet, made = 0, now
		}
	}
}

// read returns what a fetch might, from a position on.
func (h *history) read(log []stream.Record, position int64) (records []stream.Record, next int64) {
	next = min(position+h.rng.Int64N(h.fetch), int64(len(log)))
	return log[position:next], next
}

func (h *history) combine(name string, partition, holder int) iter.Seq[struct{}] {
	return func(yield func(struct{}) bool) {
		cfg := aggregator.CombinerConfig{
			Windows: h.windows, Grace: 5 * time.Millisecond,
			Partition: partition, Partitions: len(h.reactions), Reducers: len(h.partials),
		}
		c, err := aggregator.NewCombiner(cfg, h.commits[name], 0, int64(len(h.reactions[partition])), false)
		if err != nil {
			h.t.Errorf("seed %d: %v", h.seed, err)
			return
		}
		for {
			sent := h.now
			if !yield(struct{}{}) {
				return
			}
			records, next := h.read(h.reactions[partition], c.Position())
			for _, r := range records {
				c.Add(r.Offset, r.Time, r.Value)
			}
			c.Read(next, next == int64(len(h.reactions[partition])), sent)
			e, due := c.Emit(h.now)
			if !due {
				continue
			}
			for r, records := range e.Records {
				if !yield(struct{}{}) {
					return
				}
				h.partials[r] = append(h.partials[r], records...)
			}
			if !yield(struct{}{}) {
				return
			}
			c.Confirm(e)
			if !h.commit(name, holder, c.Commit()) {
				return
			}
		}
	}
}

func (h *history) reduce(name string, partition, holder int) iter.Seq[struct{}] {
	return func(yield func(struct{}) bool) {
		r, err := aggregator.NewReducer(h.windows, aggregator.Scale{}, partition, len(h.partials), h.commits[name], 0)
		if err != nil {
			h.t.Errorf("seed %d: %v", h.seed, err)
			return
		}
		for yield(struct{}{}) {
			records, next := h.read(h.partials[partition], r.Position())
			for i, rec := range records {
				if err := r.Add(next-int64(len(records)-i), rec.Value); err != nil {
					h.t.Errorf("seed %d: %v", h.seed, err)
				}
			}
			r.Read(next)
			if e, due := r.Emit(h.now); due {
				for _, w := range e.Windows {
					if !yield(struct{}{}) {
						return
					}
					p := wire.PartitionOf(w.Key, len(h.counts))
					h.counts[p] = append(h.counts[p], w.Records...)
				}
				if !yield(struct{}{}) {
					return
				}
				r.Confirm(e)
			}
			if !h.commit(name, holder, r.Commit()) {
				return
			}
		}
	}
}

func (h *history) merge(name string, partition, holder int) iter.Seq[struct{}] {
	return func(yield func(struct{}) bool) {
		m, err := publisher.NewMerger(publisher.Config{}, h.commits[name], 0)
		if err != nil {
			h.t.Errorf("seed %d: %v", h.seed, err)
			return
		}
		totals := map[cell]int64{}
		for yield(struct{}{}) {
			records, next := h.read(h.counts[partition], m.Position())
			for i, r := range records {
				r.Offset = next - int64(len(records)-i)
				if err := m.Add(r, h.now); err != nil {
					h.t.Errorf("seed %d: %v", h.seed, err)
				}
			}
			m.Read(next)
			due := m.Due(h.now, next == int64(len(h.counts[partition])))
			for _, s := range due {
				if !yield(struct{}{}) {
					return
				}
				k := cell{end: s.Window.End, channel: s.Channel}
				if s.Total < totals[k] {
					h.t.Errorf("seed %d: %+v fell from %d to %d", h.seed, k, totals[k], s.Total)
				}
				totals[k] = s.Total
				h.sent++
				if known, ok := h.swarms[k]; !ok || s.Total > known.Total {
					h.swarms[k] = s
				}
			}
			if !yield(struct{}{}) {
				return
			}
			m.Sent(due)
			if !h.commit(name, holder, m.Commit()) {
				return
			}
		}
	}
}

// check compares the log of reactions with what is made of it.
func (h *history) check() {
	var logs [][]assigned
	for _, log := range h.reactions {
		if len(log) > 0 {
			logs = append(logs, reference(h.windows, log))
		}
	}
	want, counted, shown := totals(logs...), map[cell]int64{}, map[cell]int64{}
	for _, log := range h.counts {
		for _, r := range log {
			c := decodeCount(h.t, r)
			if c.Channel == "" {
				c.Channel = wire.MainChannel
			}
			k := cell{c.Window.End, c.Channel, c.Emoji}
			counted[k] = max(counted[k], c.Count)
		}
	}
	for k, s := range h.swarms {
		for _, e := range s.Emojis {
			shown[cell{k.end, k.channel, e.Emoji}] = e.Count
		}
	}
	if diff := cmp.Diff(want, counted, cmp.AllowUnexported(cell{})); diff != "" {
		h.t.Errorf("seed %d: emoji-aggregated (-want +got):\n%s", h.seed, diff)
	}
	if diff := cmp.Diff(want, shown, cmp.AllowUnexported(cell{})); diff != "" {
		h.t.Errorf("seed %d: swarms (-want +got):\n%s", h.seed, diff)
	}
}
