package registry

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/wire"
)

// Strategy is a way to choose among servers.
type Strategy string

// The strategies.
const (
	// LeastLoaded takes the server with the smallest share of its capacity in
	// use.
	LeastLoaded Strategy = "least-loaded"
	// TwoChoices takes the less loaded of two servers drawn at random, which
	// many copies of `serve` can do without looking alike.
	TwoChoices Strategy = "two-choices"
)

// ParseStrategy reads a strategy's name.
func ParseStrategy(s string) (Strategy, error) {
	switch st := Strategy(s); st {
	case LeastLoaded, TwoChoices:
		return st, nil
	}
	return "", fmt.Errorf("%.40q is not a way to assign: use %s or %s", s, LeastLoaded, TwoChoices)
}

// load is what an assigner adds to a server's heartbeat: those it has sent there
// since. The beat tells which heartbeat that was.
type load struct {
	instance string
	beat     uint64
	pending  int
}

// Assigner chooses a server for each client that registers. It counts the
// clients of a server's last heartbeat and those assigned since then, so that no
// herd runs to the server that was emptiest at the last heartbeat. It is safe for
// concurrent use.
type Assigner struct {
	strategy Strategy

	mu    sync.Mutex
	loads map[string]*load
}

// NewAssigner returns an assigner; an empty strategy is LeastLoaded.
func NewAssigner(s Strategy) *Assigner {
	if s == "" {
		s = LeastLoaded
	}
	return &Assigner{strategy: s, loads: map[string]*load{}}
}

// Verdict says how a choice went.
type Verdict int

// The verdicts.
const (
	Assigned  Verdict = iota
	NoServers         // none is alive and serving
	Full              // all that are have reached their capacity
)

// Assign chooses one of the servers for a client at now.
func (a *Assigner) Assign(servers []roster.Entry, now time.Time) (roster.Entry, Verdict) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var free []roster.Entry
	verdict := NoServers
	for _, s := range servers {
		if s.State != wire.StateServing || !s.Alive(now) {
			continue
		}
		if a.used(s) >= s.Capacity {
			verdict = Full
			continue
		}
		free = append(free, s)
	}
	if len(free) == 0 {
		return roster.Entry{}, verdict
	}
	if a.strategy == TwoChoices && len(free) > 2 {
		i, j := rand.N(len(free)), rand.N(len(free)-1)
		if j >= i {
			j++
		}
		free = []roster.Entry{free[i], free[j]}
	}
	best := a.least(free)
	a.load(best).pending++
	return best, Assigned
}

// least returns the server with the smallest share of its capacity in use, any
// of those if there are several; a.mu is held.
func (a *Assigner) least(servers []roster.Entry) roster.Entry {
	best, ties := servers[0], 1
	for _, s := range servers[1:] {
		// used/capacity of both, compared without division
		l, r := a.used(s)*best.Capacity, a.used(best)*s.Capacity
		switch {
		case l < r:
			best, ties = s, 1
		case l == r:
			ties++
			if rand.N(ties) == 0 {
				best = s
			}
		}
	}
	return best
}

// used is how many clients a server has, as far as is known here; a.mu is held.
func (a *Assigner) used(s roster.Entry) int { return s.Clients + a.load(s).pending }

// load returns what was added to the server's last heartbeat; a.mu is held. Who
// asks with an earlier heartbeat, read before another call of Assign took in the
// last one, is told of that one.
func (a *Assigner) load(s roster.Entry) *load {
	l := a.loads[s.Name]
	if l == nil || l.instance != s.Instance || l.beat < s.Beats {
		l = &load{instance: s.Instance, beat: s.Beats}
		a.loads[s.Name] = l
	}
	return l
}

// Cancel takes back an assignment to a server that its client will not use. It
// never lowers a count that a server has told.
func (a *Assigner) Cancel(s roster.Entry) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if l := a.load(s); l.pending > 0 {
		l.pending--
	}
}
