package aggregator_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// A combiner counts a random log. It is killed at random, and a new one goes on from
// the last commit. A reader that keeps the widest partials ends up with exactly what
// the log holds. Meanwhile a mark closes only windows whose last partials were written
// before it, and a commit is at the first record of the open windows.
func TestCombinerRecovers(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		w := small(1 + rng.Int64N(100))
		p := &combining{
			t: t, seed: seed, rng: rng, windows: w,
			log:   randomLog(rng, 20+rng.IntN(120), w),
			kills: rng.IntN(20), spentBefore: map[*aggregator.Combiner][]int64{}, topic: make([]widest, 1+rng.IntN(3)),
			commit: stream.Commit{Offset: stream.None},
		}
		p.want = reference(w, p.log)
		p.totals = map[int64]map[cell]int64{int64(len(p.log)): totals(p.want)}
		p.run()
		if t.Failed() {
			return
		}
	}
}

// combining is one history: a partition of emoji-topic, and the combiners that count
// it, each until it is killed.
type combining struct {
	t       *testing.T
	seed    uint64
	rng     *rand.Rand
	windows windowing.Windows
	log     []stream.Record
	want    []assigned
	totals  map[int64]map[cell]int64 // of the records before an offset
	// The ends of the windows that were spent at the commit from which a combiner began,
	// and those at the last commit.
	spentBefore    map[*aggregator.Combiner][]int64
	spentCommitted []int64
	topic          []widest // by partition of emoji-partials
	commit         stream.Commit
	now            int64
	kills          int // how often a combiner may still be killed
}

// widest is the content of a partition of emoji-partials: the widest partial of each
// window and channel.
type widest map[cell]wire.Partial

func (p *combining) run() {
	p.now = p.log[0].Time
	c, zombie := p.begin(), p.begin()
	for c.Position() < int64(len(p.log)) {
		if !p.step(c, true) {
			if p.rng.IntN(2) == 0 {
				zombie = c // a zombie goes on for a while, but no longer commits
			}
			c = p.begin()
		}
		if p.rng.IntN(4) == 0 && !p.step(zombie, false) {
			zombie = p.begin()
		}
	}
	p.now += 1e6
	for {
		e, due := c.Due(p.now)
		if !due {
			break
		}
		for r, records := range e.Records {
			p.write(r, records)
		}
		c.Confirm(e)
	}
	got := map[cell]int64{}
	for _, kept := range p.topic {
		for k, partial := range kept {
			for emoji, n := range partial.Counts {
				got[cell{k.end, k.channel, emoji}] += n
			}
		}
	}
	if diff := cmp.Diff(p.totals[int64(len(p.log))], got, cmp.AllowUnexported(cell{})); diff != "" {
		p.t.Errorf("seed %d: counted (-want +got):\n%s", p.seed, diff)
	}
}

func (p *combining) begin() *aggregator.Combiner {
	cfg := aggregator.CombinerConfig{Windows: p.windows, Grace: 5 * time.Millisecond, Partitions: 1, Reducers: len(p.topic)}
	c, err := aggregator.NewCombiner(cfg, p.commit, 0, int64(len(p.log)), false)
	if err != nil {
		p.t.Fatalf("seed %d: begin at %+v: %v", p.seed, p.commit, err)
	}
	p.spentBefore[c] = p.spentCommitted
	return c
}

// killed says whether the combiner is killed at this point.
func (p *combining) killed() bool {
	if p.kills == 0 || p.rng.IntN(25) > 0 {
		return false
	}
	p.kills--
	return true
}

// step makes a combiner read, emit and commit once. It returns false if the combiner
// was killed meanwhile.
func (p *combining) step(c *aggregator.Combiner, commits bool) bool {
	p.now += p.rng.Int64N(40)
	sent := p.now - p.rng.Int64N(10)
	from := c.Position()
	to := min(from+p.rng.Int64N(6), int64(len(p.log)))
	for _, r := range p.log[from:to] {
		_ = c.Add(r, p.now) // some records are no reactions
	}
	c.Advance(fetched(to, p.rng.IntN(2) == 0, sent))
	e, due := c.Due(p.now)
	if !due {
		return !p.killed()
	}
	for r, records := range e.Records {
		if p.killed() {
			return false
		}
		p.write(r, records)
	}
	if p.killed() {
		return false
	}
	c.Confirm(e)
	commit := c.Commit()
	p.checkCommit(c, commit)
	if p.killed() {
		return false
	}
	if commits {
		p.commit = commit
		p.spentCommitted = slices.Concat(p.spentBefore[c], p.want[c.Position()].spent)
	}
	return true
}

// write appends records to a partition of emoji-partials, and checks their marks.
func (p *combining) write(r int, records []stream.Record) {
	if p.topic[r] == nil {
		p.topic[r] = widest{}
	}
	for _, rec := range records {
		said, err := wire.DecodeProgress(rec.Value)
		if err != nil {
			p.t.Fatalf("seed %d: %v", p.seed, err)
		}
		if said.Mark != nil {
			p.checkClosed(r, *said.Mark)
			continue
		}
		k := cell{end: said.Partial.End, channel: said.Partial.Channel}
		known, ok := p.topic[r][k]
		if ok && known.First != said.Partial.First {
			p.t.Fatalf("seed %d: %v begins at %d and at %d", p.seed, k, known.First, said.Partial.First)
		}
		if !ok || said.Partial.Next > known.Next {
			p.topic[r][k] = *said.Partial
		}
	}
}

// checkClosed fails the test if a mark calls a window closed, and its partials lack
// reactions of before the next reset of the watermark.
func (p *combining) checkClosed(r int, m wire.Mark) {
	valid := m.Reset
	for valid < int64(len(p.log)) && !p.want[valid].reset {
		valid++
	}
	if p.totals[valid] == nil {
		p.totals[valid] = totals(p.want[:valid])
	}
	for k, n := range p.totals[valid] {
		if k.end > m.Closed || wire.PartitionOf(k.channel, len(p.topic)) != r {
			continue
		}
		if got := p.topic[r][cell{end: k.end, channel: k.channel}].Counts[k.emoji]; got < n {
			p.t.Fatalf("seed %d: windows until %d are called closed, and of %+v %d are known, want %d", p.seed, m.Closed, k, got, n)
		}
	}
}

func (p *combining) checkCommit(by *aggregator.Combiner, c stream.Commit) {
	position := by.Position()
	var meta wire.CombinerCommit
	if err := json.Unmarshal([]byte(c.Metadata), &meta); err != nil {
		p.t.Fatal(err)
	}
	first := position
	spent := slices.Concat(p.spentBefore[by], p.want[position].spent)
	for i := position - 1; i >= 0; i-- {
		if a := p.want[i]; !a.junk && a.end > meta.Closed && !slices.Contains(spent, a.end) {
			first = i
		}
	}
	ahead := map[int64]bool{}
	newest := p.want[meta.Emitted].watermark
	for i, r := range p.log[:meta.Emitted] {
		a := p.want[i]
		if known := p.topic[wire.PartitionOf(a.channel, len(p.topic))][cell{end: a.end, channel: a.channel}]; !a.junk && known.Next <= r.Offset {
			p.t.Fatalf("seed %d: all before %d is called counted, and record %d of %+v is not", p.seed, meta.Emitted, i, a.cell)
		}
		if !a.junk && a.end > meta.Closed && (newest == windowing.Never || a.end > p.windows.Of(newest)) {
			ahead[a.end] = true
		}
	}
	for end := range ahead {
		emitted := windowing.State{Pending: meta.EmittedPending, Spent: meta.EmittedSpent}
		if !windowing.Contains(p.windows.Ahead(emitted), end) && !windowing.Contains(meta.EmittedDisplaced, end) {
			p.t.Fatalf("seed %d: all before %d is called counted, and not that %d was counted in, which is ahead of %d: %s", p.seed, meta.Emitted, end, newest, c.Metadata)
		}
	}
	if meta.EmittedWatermark != newest {
		p.t.Fatalf("seed %d: the newest before %d is called %d, want %d", p.seed, meta.Emitted, meta.EmittedWatermark, newest)
	}
	want := p.want[first].rule
	if got, want := fmt.Sprint(meta.Watermark, meta.Pending, meta.Spent), fmt.Sprint(want.watermark, want.pending, spentRanges(p.windows, want.spent)); c.Offset != first || got != want {
		p.t.Fatalf("seed %d: at %d with all closed until %d: commit %d with %s, want %d with %s", p.seed, position, meta.Closed, c.Offset, got, first, want)
	}
}
