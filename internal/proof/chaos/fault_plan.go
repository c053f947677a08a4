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
	Move                // a broker becomes the leader of all partitions, and all brokers go on running
)

func (k Kind) String() string {
	return [...]string{"kill", "pause", "restart", "move"}[k]
}

// Fault is something that happens to a process at a given time.
type Fault struct {
	At     time.Duration // since the beginning
	Target string        // the process's name
	Kind   Kind
	For    time.Duration // how long it does not run, or is paused
}

func (f Fault) String() string {
	switch f.Kind {
	case Kill:
		return fmt.Sprintf("kill %s, start it again %v later", f.Target, f.For)
	case Pause:
		return fmt.Sprintf("pause %s for %v", f.Target, f.For)
	case Move:
		return fmt.Sprintf("move all leaders to %s", f.Target)
	default:
		return fmt.Sprintf("restart %s", f.Target)
	}
}

// Target is one process, or several of which only one may be away at a time, such as
// the brokers of a cluster.
type Target struct {
	Names []string
	Kinds []Kind
	// Rest is how long after a fault no other one happens to the target.
	Rest time.Duration
}

// Times of faults: between two of them, and how long each lasts. A pause may
// outlast the session of a consumer group, six seconds.
const (
	minBreak = time.Second
	maxBreak = 3 * time.Second
	maxAway  = 3 * time.Second
	minPause = 500 * time.Millisecond
	maxPause = 8 * time.Second
	rounding = 10 * time.Millisecond // nobody reads microseconds
)

// Plan returns the faults of a seed, in the order of their times. Targets are dealt
// like cards: every target gets a fault before any gets a second one, except for
// targets that are still away. The kinds of faults of each target are dealt in the same
// way.
func Plan(seed uint64, duration time.Duration, targets []Target) []Fault {
	p := planner{random: rand.New(rand.NewPCG(seed, 0)), targets: targets, free: make([]time.Duration, len(targets))}
	p.kinds = make([]deck, len(targets))
	between := func(low, high time.Duration) time.Duration {
		return (low + time.Duration(p.random.Int64N(int64(high-low)))).Truncate(rounding)
	}
	var plan []Fault
	for at := between(minBreak, maxBreak); at < duration; at += between(minBreak, maxBreak) {
		i, ok := p.next(at)
		if !ok {
			continue // all are away
		}
		t := targets[i]
		f := Fault{At: at, Target: t.Names[p.random.IntN(len(t.Names))], Kind: t.Kinds[p.kinds[i].deal(p.random, len(t.Kinds), nil)]}
		switch f.Kind {
		case Kill:
			f.For = between(0, maxAway)
		case Pause:
			f.For = between(minPause, maxPause)
		case Restart, Move:
		}
		p.free[i] = at + f.For + t.Rest
		plan = append(plan, f)
	}
	return plan
}

// planner is the state of Plan.
type planner struct {
	random  *rand.Rand
	targets []Target
	free    []time.Duration // when the next fault may happen to each target
	order   deck
	kinds   []deck // of each target
}

// next deals a target to which a fault may happen at the time at.
func (p *planner) next(at time.Duration) (i int, ok bool) {
	busy := func(i int) bool { return p.free[i] > at }
	for i := range p.targets {
		if !busy(i) {
			return p.order.deal(p.random, len(p.targets), busy), true
		}
	}
	return 0, false
}

// deck holds the numbers below n that are still to be dealt, in random order.
type deck []int

// deal takes the first number out of the deck that is not busy. If there is none, it
// first adds all numbers again.
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
