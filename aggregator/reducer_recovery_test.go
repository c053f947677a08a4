package aggregator_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// Combiners write partials twice, late, and from copies that were thought dead. The
// reducer is killed at random, and a new one goes on from the commit. In the end the
// greatest counts are those of the widest partials. Meanwhile no window is called
// closed before its last counts were written.
func TestReducerRecovers(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 2))
		p := &reducing{
			t: t, seed: seed, rng: rng, kills: rng.IntN(20),
			want: map[cell]int64{}, got: map[cell]int64{},
			commit: stream.Commit{Offset: stream.None}, maxHeld: rng.IntN(60),
		}
		sources := 1 + rng.IntN(3)
		var producers [][]wire.Progress
		for i := range sources {
			producers = append(producers, p.source(i, sources))
		}
		p.log = interleave(rng, producers)
		p.run()
		if t.Failed() {
			return
		}
	}
}

// interleave mixes the records of several combiners, and keeps the order of each.
func interleave(rng *rand.Rand, producers [][]wire.Progress) (log []wire.Progress) {
	for len(producers) > 0 {
		i := rng.IntN(len(producers))
		if len(producers[i]) == 0 {
			producers[i] = producers[len(producers)-1]
			producers = producers[:len(producers)-1]
			continue
		}
		log = append(log, producers[i][0])
		producers[i] = producers[i][1:]
	}
	return log
}

// reducing is one history: a partition of emoji-partials, and the reducers that add it
// up, each until it is killed.
type reducing struct {
	t      *testing.T
	seed   uint64
	rng    *rand.Rand
	kills  int // how often a reducer may still be killed
	log    []wire.Progress
	want   map[cell]int64 // what the widest partials hold
	got    map[cell]int64 // the greatest counts
	commit stream.Commit
	now    int64

	maxHeld int // so few that windows are given up; 0: the default
}

// source returns what the combiners of one partition of emoji-topic write, and adds its
// counts to p.want.
func (p *reducing) source(partition, partitions int) []wire.Progress {
	w := small(50)
	var (
		blocks [][]wire.Progress // one for each emission: its partials and its mark
		open   []*wire.Partial
		next   int64
		newest = w.Length // end of the newest window
		closed = windowing.Never
	)
	for range 3 + p.rng.IntN(12) {
		var block []wire.Progress
		for range p.rng.IntN(4) {
			end := max(newest-p.rng.Int64N(4)*w.Length, closed+w.Length)
			partial := find(&open, end, []string{"main", "a"}[p.rng.IntN(2)], next)
			for range 1 + p.rng.IntN(3) {
				partial.Counts[[]string{"🔥", "😂"}[p.rng.IntN(2)]]++
				next++
			}
			partial.Partition, partial.Next = partition, next
			block = append(block, wire.Progress{Partial: clone(partial)})
		}
		if p.rng.IntN(2) == 0 {
			newest += p.rng.Int64N(3) * w.Length
			closed = max(closed, newest-(2+p.rng.Int64N(4))*w.Length)
		}
		block = append(block, wire.Progress{Mark: &wire.Mark{
			Version: 1, Partition: partition, Partitions: partitions, Reducers: 1,
			Reported: newest - p.rng.Int64N(2)*w.Length, Closed: closed, Settings: w.Settings(),
		}})
		blocks = append(blocks, block)
	}
	for _, partial := range open {
		for emoji, n := range partial.Counts {
			p.want[cell{partial.End, partial.Channel, emoji}] += n
		}
	}
	return p.interleaved(blocks)
}

// interleaved returns the blocks of a source in the order in which they reach the log.
// Its combiner goes back now and then, as after a restart. Zombies, which are combiners
// that were thought dead, go on from places where it was before.
func (p *reducing) interleaved(blocks [][]wire.Progress) (log []wire.Progress) {
	var zombies [][]wire.Progress
	for at, reached := 0, 0; at < len(blocks); at++ {
		reached = max(reached, at)
		if p.rng.IntN(4) == 0 {
			from := p.rng.IntN(reached + 1)
			zombies = append(zombies, slices.Concat(blocks[from:from+p.rng.IntN(len(blocks)-from)]...))
		}
		for _, record := range blocks[at] {
			if len(zombies) > 0 {
				z := p.rng.IntN(len(zombies))
				n := min(p.rng.IntN(3), len(zombies[z]))
				log, zombies[z] = append(log, zombies[z][:n]...), zombies[z][n:]
			}
			log = append(log, record)
		}
		if p.rng.IntN(8) == 0 {
			at = p.rng.IntN(at+1) - 1
		}
	}
	return log
}

// find returns the partial of a window and channel. If there is none, it adds one that
// begins at next.
func find(open *[]*wire.Partial, end int64, channel string, next int64) *wire.Partial {
	for _, p := range *open {
		if p.End == end && p.Channel == channel {
			return p
		}
	}
	p := &wire.Partial{Version: 1, End: end, Channel: channel, First: next, Counts: map[string]int64{}}
	*open = append(*open, p)
	return p
}

func clone(p *wire.Partial) *wire.Partial {
	again, err := wire.DecodeProgress(wire.Progress{Partial: p}.Encode())
	if err != nil {
		panic(err)
	}
	return again.Partial
}

func (p *reducing) run() {
	r, zombie := p.begin(), p.begin()
	for r.Position() < int64(len(p.log)) {
		if !p.step(r, true) {
			if p.rng.IntN(2) == 0 {
				zombie = r
			}
			r = p.begin()
		}
		if p.rng.IntN(4) == 0 && !p.step(zombie, false) {
			zombie = p.begin()
		}
	}
	p.kills = 0
	// Windows that were given up are read again, until nothing changes any more.
	for steps, still := 0, 0; steps < 1500 && still < 100; steps++ {
		position, commit := r.Position(), p.commit
		p.step(r, true)
		still++
		if r.Position() != position || p.commit != commit {
			still = 0
		}
	}
	for range 4 {
		p.now = 1e9
		p.step(r, true)
	}
	e, _ := r.Due(2e9)
	p.write(e.Windows)
	if diff := cmp.Diff(p.want, p.got, cmp.AllowUnexported(cell{})); diff != "" {
		p.t.Errorf("seed %d: counted (-want +got):\n%s", p.seed, diff)
	}
}

func (p *reducing) begin() *aggregator.Reducer {
	r, err := aggregator.NewReducer(aggregator.ReducerConfig{Windows: small(50), Partitions: 1, MaxHeld: p.maxHeld}, p.commit, 0, false)
	if err != nil {
		p.t.Fatalf("seed %d: begin at %+v: %v", p.seed, p.commit, err)
	}
	return r
}

// killed says whether the reducer is killed at this point.
func (p *reducing) killed() bool {
	if p.kills == 0 || p.rng.IntN(25) > 0 {
		return false
	}
	p.kills--
	return true
}

// step makes a reducer read, emit and commit once. It returns false if the reducer was
// killed meanwhile.
func (p *reducing) step(r *aggregator.Reducer, commits bool) bool {
	p.now += p.rng.Int64N(60)
	from := r.Position()
	to := min(from+p.rng.Int64N(5), int64(len(p.log)))
	for i := from; i < to; i++ {
		if err := r.Add(stream.Record{Offset: i, Value: p.log[i].Encode()}, p.now); err != nil {
			p.t.Fatalf("seed %d: %v", p.seed, err)
		}
	}
	r.Advance(stream.Batch{Next: to, SentAt: time.UnixMilli(p.now)})
	if e, due := r.Due(p.now); due {
		if !p.write(e.Windows) || p.killed() {
			return false
		}
		r.Confirm(e)
	}
	commit := r.Commit()
	if p.killed() {
		return false
	}
	if commits {
		p.commit = commit
	}
	return true
}

// write appends windows to emoji-aggregated, and checks their headers. It returns false
// if the reducer was killed meanwhile.
func (p *reducing) write(windows []aggregator.WindowCounts) bool {
	for _, w := range windows {
		if p.killed() {
			return false
		}
		for i, rec := range w.Records {
			c := decodeCount(p.t, rec)
			k := cell{c.Window.End, w.Channel, c.Emoji}
			p.got[k] = max(p.got[k], c.Count)
			p.checkHeaders(rec, i == len(w.Records)-1, len(w.Records))
		}
	}
	return true
}

func (p *reducing) checkHeaders(r stream.Record, last bool, records int) {
	var complete string
	for _, h := range r.Headers {
		if h.Key == wire.CompleteHeader {
			complete = string(h.Value)
			continue
		}
		closing, ok := wire.ParseClosing(h.Value)
		if !ok || h.Key != wire.ClosedHeader || !strings.HasPrefix(string(h.Value), "0/1:") {
			p.t.Fatalf("seed %d: header %s: %s", p.seed, h.Key, h.Value)
		}
		for k, n := range p.want {
			if k.end <= closing.End && p.got[k] != n {
				p.t.Fatalf("seed %d: windows until %d are called closed, and of %+v %d are counted, want %d", p.seed, closing.End, k, p.got[k], n)
			}
		}
	}
	want := ""
	if last {
		want = string(rune('0' + records))
	}
	if complete != want {
		p.t.Fatalf("seed %d: complete is %q, want %q", p.seed, complete, want)
	}
}
