package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Kind is a kind of fault.
type Kind int

// The kinds of faults.
const (
	Kill    Kind = iota // SIGKILL, and started again after a while
	Pause               // SIGSTOP, and SIGCONT after a while
	Restart             // SIGTERM, and started again when it has ended
)

func (k Kind) String() string {
	return [...]string{"kill", "pause", "restart"}[k]
}

// Fault is something that happens to a process.
type Fault struct {
	At     time.Duration // since the beginning
	Target string        // the process's name
	Kind   Kind
	For    time.Duration // how long it is away, or stands still
}

func (f Fault) String() string {
	switch f.Kind {
	case Kill:
		return fmt.Sprintf("kill %s, start it again %v later", f.Target, f.For)
	case Pause:
		return fmt.Sprintf("pause %s for %v", f.Target, f.For)
	default:
		return fmt.Sprintf("restart %s", f.Target)
	}
}

// Target is what faults happen to: one process, or several of which only one may
// be away at a time, as the brokers of a cluster.
type Target struct {
	Names []string
	Kinds []Kind
	// Rest is how long it is left alone after a fault.
	Rest time.Duration
}

// Times of faults: between two of them, and how long each lasts. A pause may
// outlast the session of a consumer group, six seconds.
const (
	shortestBreak = time.Second
	longestBreak  = 3 * time.Second
	longestAway   = 3 * time.Second
	shortestPause = 500 * time.Millisecond
	longestPause  = 8 * time.Second
	rounding      = 10 * time.Millisecond // nobody reads microseconds
)

// Plan is the sequence of faults that a seed stands for. Targets are dealt like
// cards, and so are each one's kinds of faults: every target has its turn before
// any has a second one, unless it is still away by then.
func Plan(seed uint64, duration time.Duration, targets []Target) []Fault {
	p := planner{random: rand.New(rand.NewPCG(seed, 0)), targets: targets, free: make([]time.Duration, len(targets))}
	p.kinds = make([]deck, len(targets))
	between := func(low, high time.Duration) time.Duration {
		return (low + time.Duration(p.random.Int64N(int64(high-low)))).Truncate(rounding)
	}
	var plan []Fault
	for at := between(shortestBreak, longestBreak); at < duration; at += between(shortestBreak, longestBreak) {
		i, ok := p.next(at)
		if !ok {
			continue // all are away
		}
		t := targets[i]
		f := Fault{At: at, Target: t.Names[p.random.IntN(len(t.Names))], Kind: t.Kinds[p.kinds[i].deal(p.random, len(t.Kinds), nil)]}
		switch f.Kind {
		case Kill:
			f.For = between(0, longestAway)
		case Pause:
			f.For = between(shortestPause, longestPause)
		case Restart:
		}
		p.free[i] = at + f.For + t.Rest
		plan = append(plan, f)
	}
	return plan
}

// planner is what Plan knows while it goes on.
type planner struct {
	random  *rand.Rand
	targets []Target
	free    []time.Duration // when each is back from its last fault
	order   deck
	kinds   []deck // of each target
}

// next deals a target that is free at a time.
func (p *planner) next(at time.Duration) (i int, ok bool) {
	busy := func(i int) bool { return p.free[i] > at }
	for i := range p.targets {
		if !busy(i) {
			return p.order.deal(p.random, len(p.targets), busy), true
		}
	}
	return 0, false
}

// deck is what is left of the numbers below n, shuffled.
type deck []int

// deal takes the first number that is not busy, if there is one; from a new deck
// if this one has none.
func (d *deck) deal(random *rand.Rand, n int, busy func(int) bool) int {
	for {
		for at, i := range *d {
			if busy == nil || !busy(i) {
				*d = slices.Delete(*d, at, at+1)
				return i
			}
		}
		*d = append(*d, random.Perm(n)...)
	}
}
