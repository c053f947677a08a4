package publisher_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/publisher"
)

// windowKey identifies a window of a channel.
type windowKey struct {
	end     int64
	channel string
}

// Counts come in random order within the horizon, some with headers and some without.
// The merger is killed at random, and a new one goes on from its commit. In the end the
// greatest swarms hold the greatest counts, and every channel has an empty swarm after
// its last window.
func TestMergerRecovers(t *testing.T) {
	for seed := range uint64(300) {
		p := &merging{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 4)), got: map[windowKey]wire.Swarm{}, commit: stream.Commit{Offset: stream.None}}
		p.write()
		p.run()
		if t.Failed() {
			return
		}
	}
}

type merging struct {
	t      *testing.T
	seed   uint64
	rng    *rand.Rand
	log    []stream.Record
	want   map[windowKey]int64
	got    map[windowKey]wire.Swarm // the greatest swarms
	commit stream.Commit
	now    int64
}

// write makes a log of counts that only grow. Some are repeated later, and some
// complete their window. Windows are never further apart than the horizon.
func (p *merging) write() {
	counts := map[windowKey]map[string]int64{}
	newest := int64(20_000)
	signed := p.rng.IntN(3)
	for range 20 + p.rng.IntN(150) {
		newest += 2000 * max(0, p.rng.Int64N(6)-3)
		k := windowKey{newest - 2000*p.rng.Int64N(5), []string{"main", "a"}[p.rng.IntN(2)]}
		if counts[k] == nil {
			counts[k] = map[string]int64{}
		}
		emoji := []string{"🔥", "😂", "👍"}[p.rng.IntN(3)]
		counts[k][emoji] += p.rng.Int64N(3)
		var headers []string
		if p.rng.IntN(3) < signed {
			headers = []string{"complete=" + string(rune('0'+len(counts[k])))}
		}
		p.log = append(p.log, count(k.end, k.channel, emoji, counts[k][emoji], headers...))
		if p.rng.IntN(5) == 0 {
			p.log = append(p.log, count(k.end, k.channel, emoji, counts[k][emoji]/2))
		}
	}
	p.want = map[windowKey]int64{}
	for k, byEmoji := range counts {
		p.want[k] += 0
		for _, n := range byEmoji {
			p.want[k] += n
		}
	}
}

func (p *merging) run() {
	cfg := publisher.Config{Horizon: 10 * time.Second}
	p.now = 200_000
	m := p.begin(cfg)
	for kills := p.rng.IntN(12); m.Position() < int64(len(p.log)); {
		if !p.step(m, kills > 0) {
			kills--
			m = p.begin(cfg)
		}
	}
	p.now += 1e6
	p.step(m, false)

	last := map[string]wire.Swarm{}
	for k, s := range p.got {
		if k.end >= last[k.channel].Window.End {
			last[k.channel] = s
		}
		if p.want[k] != s.Total {
			p.t.Errorf("seed %d: the swarm of %v has %d, want %d", p.seed, k, s.Total, p.want[k])
		}
		delete(p.want, k)
	}
	if len(p.want) > 0 {
		p.t.Errorf("seed %d: no swarms of %v", p.seed, p.want)
	}
	for channel, s := range last {
		if s.Total > 0 {
			p.t.Errorf("seed %d: the last swarm of %s is %+v, want an empty one", p.seed, channel, s)
		}
	}
}

func (p *merging) begin(cfg publisher.Config) *publisher.Merger {
	m, err := publisher.NewMerger(cfg, p.commit, 0)
	if err != nil {
		p.t.Fatalf("seed %d: begin at %+v: %v", p.seed, p.commit, err)
	}
	return m
}

// step makes a merger read, send and commit once. It returns false if the merger was
// killed meanwhile.
func (p *merging) step(m *publisher.Merger, mayDie bool) bool {
	killed := func() bool { return mayDie && p.rng.IntN(12) == 0 }
	p.now += p.rng.Int64N(500)
	from := m.Position()
	to := min(from+p.rng.Int64N(5), int64(len(p.log)))
	for offset := from; offset < to; offset++ {
		r := p.log[offset]
		r.Offset = offset
		if err := m.Add(r, p.now); err != nil {
			p.t.Fatalf("seed %d: %v", p.seed, err)
		}
	}
	m.Advance(stream.Batch{Next: to, HighWatermark: int64(len(p.log))})
	e, _ := m.Due(p.now)
	for _, s := range e.Swarms {
		if killed() {
			return false
		}
		k := windowKey{s.Window.End, s.Channel}
		if known, ok := p.got[k]; !ok || s.Total > known.Total {
			p.got[k] = s
		}
	}
	if killed() {
		return false
	}
	m.Confirm(e)
	p.commit = m.Commit()
	if p.commit.Offset > m.Position() {
		p.t.Fatalf("seed %d: committed %d at %d", p.seed, p.commit.Offset, m.Position())
	}
	return !killed()
}
