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
	// TwoChoices takes the less loaded of two servers drawn at random. Many copies of
	// `serve` that do so do not all choose the same server at one time.
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

// pendingClients counts the clients that an assigner has sent to one server and that
// the server's last heartbeat does not include yet.
type pendingClients struct {
	instance  string
	heartbeat uint64 // number of the last heartbeat that was taken into account
	opened    int64  // streams opened, as that heartbeat said
	after     int    // clients assigned after that heartbeat
	before    int    // clients assigned before that heartbeat that probably had not come by then
}

func (p *pendingClients) count() int { return p.after + p.before }

// Assigner chooses a server for each client that registers. To the number of clients
// in a server's last heartbeat it adds the clients that it has sent there since.
// Otherwise all clients would be sent to the server that had the fewest at the last
// heartbeat, until its next one.
//
// It is not told which clients have come. It supposes that the streams that a server
// opened between two heartbeats are those of the clients that were assigned first.
// The others it counts until the second heartbeat after their assignment.
//
// Other copies of `serve` assign clients too, which this one sees only with the next
// heartbeats. Until then it supposes that they do what it does. For example, if lately
// it sent one of every two clients that came, it counts each client that it sends as
// two. It uses this estimate only to compare servers. Whether a server is full depends
// on its own count and on the clients that were sent from here.
//
// It is safe for concurrent use.
type Assigner struct {
	strategy Strategy

	mu         sync.Mutex
	pending    map[string]*pendingClients // by server name, of which there are 9,999 at most
	sent, came float64                    // lately: clients assigned here, and streams opened on all servers
}

// NewAssigner returns an assigner; an empty strategy is LeastLoaded.
func NewAssigner(s Strategy) *Assigner {
	if s == "" {
		s = LeastLoaded
	}
	return &Assigner{strategy: s, pending: map[string]*pendingClients{}}
}

// Verdict is the result of Assign.
type Verdict int

// The verdicts.
const (
	Assigned  Verdict = iota
	NoServers         // no server is alive and serving
	Full              // all servers that are alive and serving have reached their capacity
)

// Assign chooses one of the servers for a client. A doubtful server is chosen only if
// no other one has room. Doubtful are servers that missed heartbeats, and the one that
// has just failed the client. avoid is the name of that one; it may be empty.
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
	a.pendingOf(best).after++
	return best, Assigned
}

// least returns the server with the smallest share of its capacity in use. If several
// have it, one of them is drawn at random. The caller holds a.mu.
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

// used returns how many of a server's places are taken, as far as is known here. The
// caller holds a.mu.
func (a *Assigner) used(s roster.Entry) int { return s.Clients + a.pendingOf(s).count() }

// share returns which part of a server's capacity is in use. It includes the estimate
// of the clients that other copies have sent. The caller holds a.mu.
func (a *Assigner) share(s roster.Entry) float64 {
	return (float64(s.Clients) + float64(a.pendingOf(s).count())*a.clientsPerSent()) / float64(s.Capacity)
}

// What other copies of `serve` do is estimated from the clients that came last.
const (
	maxRemembered = 1000 // clients; when more have come, all that is remembered is scaled down
	priorClients  = 5    // clients with which the estimate begins, as if all had been sent from here
)

// clientsPerSent estimates how many clients come for each one that is sent from here;
// at least 1. The caller holds a.mu.
func (a *Assigner) clientsPerSent() float64 {
	return max(1, (a.came+priorClients)/(a.sent+priorClients))
}

// pendingOf returns a server's pending clients, up to date with the heartbeat of s. If
// another call has taken a later heartbeat into account already, it is up to date with
// that one. The caller holds a.mu.
func (a *Assigner) pendingOf(s roster.Entry) *pendingClients {
	p := a.pending[s.Name]
	switch {
	case p == nil || p.instance != s.Instance:
		p = &pendingClients{instance: s.Instance, heartbeat: s.Beats, opened: s.Opened}
		a.pending[s.Name] = p
	case p.heartbeat < s.Beats:
		a.update(p, s)
	}
	return p
}

// update takes a new heartbeat of the same instance into account. The caller holds
// a.mu.
func (a *Assigner) update(p *pendingClients, s roster.Entry) {
	opened := float64(max(0, s.Opened-p.opened))
	a.remember(float64(p.after), opened)
	ours := int(math.Round(opened / a.clientsPerSent()))
	before := 0
	if s.Beats == p.heartbeat+1 { // else at least two heartbeats have passed since all of them were assigned
		before = max(0, p.after-max(0, ours-p.before))
	}
	*p = pendingClients{instance: p.instance, heartbeat: s.Beats, opened: s.Opened, before: before}
}

// remember adds to the numbers of clients that were lately sent from here and that
// lately came. The caller holds a.mu.
func (a *Assigner) remember(sent, came float64) {
	a.sent, a.came = a.sent+sent, a.came+came
	if a.came > maxRemembered {
		a.sent, a.came = a.sent*maxRemembered/2/a.came, maxRemembered/2
	}
}

// Pending returns how many clients were assigned to a server here and are not in its
// last heartbeat yet.
func (a *Assigner) Pending(s roster.Entry) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.pendingOf(s).count()
}

// Cancel takes back one assignment to a server, because the client will not come. It
// does nothing if no assignment to that server is pending.
func (a *Assigner) Cancel(s roster.Entry) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch p := a.pendingOf(s); {
	case p.after > 0:
		p.after--
	case p.before > 0:
		p.before--
	}
}
