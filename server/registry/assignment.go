package registry

import (
	"fmt"
	"math"
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

// load is what an assigner knows of a server beyond what its heartbeats say: whom
// it has sent there that the last of them cannot have counted.
type load struct {
	instance string
	beat     uint64 // the last heartbeat taken in
	opened   int64  // what it said
	fresh    int    // assigned since
	earlier  int    // assigned before it, and not come by then as far as can be told
}

func (l *load) pending() int { return l.fresh + l.earlier }

// Assigner chooses a server for each client that registers. It adds those that it
// has assigned and that have not come yet to a server's last count, so that no
// herd runs to the server that was emptiest at the last heartbeat.
//
// Nobody tells it who has come. It takes the streams that a server opened between
// two heartbeats for those of the clients that were assigned first, and waits for
// the others until the second heartbeat after their assignment, and no longer.
//
// Other copies of `serve` assign, too, and what they do is seen a heartbeat later.
// Until then an assigner supposes that they do as it does: if one of two clients
// that come was sent from here lately, each that is sent from here weighs as two.
// Else servers would be filled in turn, each to excess until its next heartbeat.
// That steers only; places are taken by those alone that are known.
//
// It is safe for concurrent use.
type Assigner struct {
	strategy Strategy

	mu         sync.Mutex
	loads      map[string]*load // at most one for each name that a server can have
	sent, came float64          // clients assigned here, and streams opened; lately
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

// Assign chooses one of the servers for a client at now. One that may be dead,
// because it missed heartbeats or the client says that it failed, is passed over
// while another one has room; avoid names the latter, if there is one.
func (a *Assigner) Assign(servers []roster.Entry, avoid string, now time.Time) (roster.Entry, Verdict) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var free, doubtful []roster.Entry
	verdict := NoServers
	for _, s := range servers {
		switch {
		case s.State != wire.StateServing || !s.Alive(now):
		case a.used(s) >= s.Capacity:
			verdict = Full
		case s.Name == avoid || s.Late(now):
			doubtful = append(doubtful, s)
		default:
			free = append(free, s)
		}
	}
	if len(free) == 0 {
		free = doubtful
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
	a.load(best).fresh++
	return best, Assigned
}

// least returns the server with the smallest share of its capacity in use, any
// of those if there are several; a.mu is held.
func (a *Assigner) least(servers []roster.Entry) roster.Entry {
	best, least, ties := servers[0], a.share(servers[0]), 1
	for _, s := range servers[1:] {
		switch share := a.share(s); {
		case share < least:
			best, least, ties = s, share, 1
		case share == least:
			ties++
			if rand.N(ties) == 0 {
				best = s
			}
		}
	}
	return best
}

// used is how many of a server's places are taken, as far as is known here; a.mu
// is held.
func (a *Assigner) used(s roster.Entry) int { return s.Clients + a.load(s).pending() }

// share is how much of a server's capacity is in use, with those whom other copies
// are supposed to have sent; a.mu is held.
func (a *Assigner) share(s roster.Entry) float64 {
	return (float64(s.Clients) + float64(a.load(s).pending())*a.multiple()) / float64(s.Capacity)
}

// What is meant by lately, in clients: how many are remembered, and how many it
// takes to believe that there are other copies.
const (
	memory = 1000
	doubt  = 5
)

// multiple is how many clients come for each that is sent from here, at least 1;
// a.mu is held.
func (a *Assigner) multiple() float64 { return max(1, (a.came+doubt)/(a.sent+doubt)) }

// load returns what is known of a server beyond its last heartbeat; a.mu is held.
// Who asks with an earlier heartbeat, read before another call of Assign took in
// the last one, is told of that one.
func (a *Assigner) load(s roster.Entry) *load {
	l := a.loads[s.Name]
	switch {
	case l == nil || l.instance != s.Instance:
		l = &load{instance: s.Instance, beat: s.Beats, opened: s.Opened}
		a.loads[s.Name] = l
	case l.beat < s.Beats:
		a.settle(l, s)
	}
	return l
}

// settle takes in a heartbeat of the instance that l is about; a.mu is held.
func (a *Assigner) settle(l *load, s roster.Entry) {
	opened := float64(max(0, s.Opened-l.opened))
	a.learn(float64(l.fresh), opened)
	ours := int(math.Round(opened / a.multiple()))
	earlier := 0
	if s.Beats == l.beat+1 { // else they had the time of two
		earlier = max(0, l.fresh-max(0, ours-l.earlier))
	}
	*l = load{instance: l.instance, beat: s.Beats, opened: s.Opened, earlier: earlier}
}

// learn adds to what was sent and came lately; a.mu is held.
func (a *Assigner) learn(sent, came float64) {
	a.sent, a.came = a.sent+sent, a.came+came
	if a.came > memory {
		a.sent, a.came = a.sent*memory/2/a.came, memory/2
	}
}

// Pending is how many were assigned to a server here that it has not counted yet.
func (a *Assigner) Pending(s roster.Entry) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.load(s).pending()
}

// Cancel takes back an assignment to a server that its client will not use. It
// never lowers a count that a server has told.
func (a *Assigner) Cancel(s roster.Entry) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch l := a.load(s); {
	case l.fresh > 0:
		l.fresh--
	case l.earlier > 0:
		l.earlier--
	}
}
