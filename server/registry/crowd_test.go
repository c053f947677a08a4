package registry_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/registry"
)

// crowd simulates clients, copies of serve and subscriber servers. Its time is
// simulated too, in steps of a millisecond.
type crowd struct {
	t       *testing.T
	rng     *rand.Rand
	now     time.Time
	due     map[time.Time][]func()
	copies  []*desk
	servers []*subscriber
	slow    time.Duration // the longest time from an assignment to the stream

	outside int // clients that have no stream
	failed  int // streams that could not be opened
}

// desk is one copy of serve.
type desk struct {
	*registry.Assigner
	roster roster.Roster
}

// subscriber is a subscriber server.
type subscriber struct {
	wire.ServerStatus
	killed time.Time // zero: it is alive
}

func newCrowd(t *testing.T, seed uint64, copies, servers, capacity int, strategy registry.Strategy) *crowd {
	t.Helper()
	c := &crowd{t: t, rng: rand.New(rand.NewPCG(seed, 2)), now: time.Unix(1e9, 0), due: map[time.Time][]func(){}, slow: 50 * time.Millisecond}
	for range copies {
		c.copies = append(c.copies, &desk{Assigner: registry.NewAssigner(strategy)})
	}
	for range servers {
		c.open(capacity)
	}
	c.run(1100 * time.Millisecond) // until the first heartbeats have come
	return c
}

func (c *crowd) after(d time.Duration, f func()) {
	at := c.now.Add(d.Truncate(time.Millisecond))
	c.due[at] = append(c.due[at], f)
}

func (c *crowd) between(least, most time.Duration) time.Duration {
	return least + time.Duration(c.rng.Int64N(int64(most-least)))
}

func (c *crowd) run(d time.Duration) {
	for end := c.now.Add(d); c.now.Before(end); c.now = c.now.Add(time.Millisecond) {
		for len(c.due[c.now]) > 0 {
			now := c.due[c.now]
			delete(c.due, c.now)
			for _, f := range now {
				f()
			}
		}
	}
}

// open adds a subscriber server.
func (c *crowd) open(capacity int) *subscriber {
	s := &subscriber{ServerStatus: server(fmt.Sprintf("sub%d", len(c.servers)+1), 0, capacity).ServerStatus}
	c.servers = append(c.servers, s)
	c.after(c.between(0, roster.HeartbeatInterval), func() { c.beat(s) })
	return s
}

// beat sends a server's heartbeats until it is killed.
func (c *crowd) beat(s *subscriber) {
	if !s.killed.IsZero() {
		return
	}
	told := s.ServerStatus
	for _, d := range c.copies {
		c.after(c.between(2*time.Millisecond, 40*time.Millisecond), func() { d.roster.Apply(told, c.now) })
	}
	c.after(roster.HeartbeatInterval, func() { c.beat(s) })
}

// kill kills a server. Simple clients come back at once. Other clients pause first, and
// say which server failed them.
func (c *crowd) kill(s *subscriber, simple bool) {
	s.killed = c.now
	c.outside += s.Clients
	for range s.Clients {
		if simple {
			c.after(0, func() { c.register("", true) })
		} else {
			c.after(c.between(2*time.Second, 3*time.Second), func() { c.register(s.Name, false) })
		}
	}
	s.Clients = 0
}

// join lets n clients come, 500 a second.
func (c *crowd) join(n int) {
	c.outside += n
	for i := range n {
		c.after(time.Duration(i)*2*time.Millisecond, func() { c.register("", false) })
	}
}

// register lets one client try until it has a stream.
func (c *crowd) register(avoid string, simple bool) {
	d := c.copies[c.rng.IntN(len(c.copies))]
	e, verdict := d.Assign(d.roster.All(), avoid, c.now)
	if verdict != registry.Assigned {
		c.after(c.between(5*time.Second, 7500*time.Millisecond), func() { c.register(avoid, simple) })
		return
	}
	c.after(c.between(time.Millisecond, c.slow), func() {
		s := c.servers[slices.IndexFunc(c.servers, func(s *subscriber) bool { return s.Name == e.Name })]
		if !s.killed.IsZero() && c.now.Sub(s.killed) > roster.Timeout+c.slow+40*time.Millisecond {
			c.t.Errorf("a client was sent to %s, %v after it was killed", s.Name, c.now.Sub(s.killed))
		}
		if s.killed.IsZero() && s.Clients < s.Capacity {
			s.Clients++
			s.Opened++
			c.outside--
			return
		}
		c.failed++
		if avoid = s.Name; simple {
			avoid = ""
		}
		c.after(c.between(time.Second, 1500*time.Millisecond), func() { c.register(avoid, simple) })
	})
}

// spread returns the difference between the emptiest and the fullest server in percent.
// It compares the parts of their capacity that are in use.
func (c *crowd) spread() float64 {
	least, most := 1., 0.
	for _, s := range c.servers {
		if s.killed.IsZero() {
			share := float64(s.Clients) / float64(s.Capacity)
			least, most = min(least, share), max(most, share)
		}
	}
	return 100 * (most - least) / max(most, 1e-9)
}

func (c *crowd) counts() (n []int) {
	for _, s := range c.servers {
		n = append(n, s.Clients)
	}
	return n
}

const seeds = 2

// 3,000 clients join six servers at 500 a second, through copies of serve that know
// nothing of each other. No server gets 5 % more than another. Then an empty server is
// added. All copies together fill it no further than the others.
func TestCrowdSpreads(t *testing.T) {
	for _, strategy := range []registry.Strategy{registry.LeastLoaded, registry.TwoChoices} {
		for _, copies := range []int{1, 2, 4} {
			t.Run(fmt.Sprintf("%s, %d copies", strategy, copies), func(t *testing.T) {
				t.Parallel()
				for seed := range uint64(seeds) {
					c := newCrowd(t, seed, copies, 6, 10_000, strategy)
					c.join(3000)
					c.run(7 * time.Second)
					if spread := c.spread(); spread >= 5 || c.outside > 0 {
						t.Errorf("seed %d: %v clients, which differ by %.1f %%, %d outside", seed, c.counts(), spread, c.outside)
					}
					late := c.open(10_000)
					c.run(1100 * time.Millisecond)
					c.join(3000)
					beyond := 0.
					for range 70 {
						c.run(100 * time.Millisecond)
						others := slices.Max(c.counts()[:6])
						beyond = max(beyond, float64(late.Clients-others)/float64(others))
					}
					if beyond > .1 {
						t.Errorf("seed %d: the new server had up to %.1f %% more than the fullest other one", seed, 100*beyond)
					}
				}
			})
		}
	}
}

// One server of six is killed. Its clients are spread over the others. After 5 s no
// client is sent to it any more.
func TestCrowdAfterAKill(t *testing.T) {
	for name, simple := range map[string]bool{"clients that say what failed them": false, "clients that come at once and say nothing": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(seeds) {
				c := newCrowd(t, seed, 2, 6, 10_000, registry.LeastLoaded)
				c.join(3000)
				c.run(8 * time.Second)
				c.kill(c.servers[0], simple)
				c.run(10 * time.Second)
				if spread := c.spread(); spread >= 5 || c.outside > 0 {
					t.Errorf("seed %d: after 10 s %v clients, which differ by %.1f %%, %d outside", seed, c.counts(), spread, c.outside)
				}
				if !simple && c.failed > 0 {
					t.Errorf("seed %d: %d were sent to the dead one all the same", seed, c.failed)
				}
			}
		})
	}
}

// There are more clients than places, servers of different sizes, and slow connections.
// So servers refuse some of the clients that were sent to them. In the end all places
// are taken: no client that still waits keeps a place from others.
func TestCrowdFillsEveryPlace(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds) {
		c := newCrowd(t, seed, 3, 0, 0, registry.LeastLoaded)
		c.slow = 1500 * time.Millisecond
		places := 0
		for _, capacity := range []int{40, 300, 100, 160} {
			c.open(capacity)
			places += capacity
		}
		c.run(1100 * time.Millisecond)
		c.join(places + 50)
		c.run(30 * time.Second)
		if c.outside != 50 {
			t.Errorf("seed %d: %v clients, %d outside", seed, c.counts(), c.outside)
		}
		if c.failed > places {
			t.Errorf("seed %d: servers refused %d times", seed, c.failed)
		}
	}
}
