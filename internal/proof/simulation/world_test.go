package simulation_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/roster"
)

// world is a history: the topics, the commits, and the processes that work on them.
type world struct {
	t   *testing.T
	rng *rand.Rand
	set settings

	topics    map[string]*topic
	roles     []*role
	workers   []*worker // that run, also those that were taken for dead
	flying    []flight  // steps that happen later: of killed processes, and repeated ones
	roster    *roster.Roster
	written   int       // reactions in the log
	active    int       // partitions of reactions that get some; those after them get none
	channels  int       // channels that get reactions; those after them get none
	lastWrite time.Time // when a reaction, count or swarm was last written
	faults    faults
	calm      bool // the adversary has stopped
	events    int
	trace     bool
	hash      uint64 // of all events
	decoded   decoded

	mu       sync.Mutex
	requests []*request // that wait for the adversary
}

// settings are what is drawn for a history before it begins.
type settings struct {
	window, lateness, grace             time.Duration
	reactions, reducers, counts         int // partitions
	clusters, servers                   int
	steps                               int
	pace                                time.Duration // less than this passes between two events
	fetch                               int           // fewer records than this are read at once
	kills, pauses, zombies, leaps       int           // each happens once in so many events; 0: never
	duplicates, staleAnswers, idleHours int
	skew                                []time.Duration // of the clocks of the main servers
}

// faults counts what the adversary did to a history.
type faults struct{ kills, pauses, zombies, repeats, leaps, idleHours int }

// newSettings draws the settings of a history.
func newSettings(rng *rand.Rand) settings {
	rarely := func(n int) int { // in one history of four not at all
		if rng.IntN(4) == 0 {
			return 0
		}
		return n/2 + rng.IntN(n)
	}
	s := settings{
		window:    200 * time.Millisecond,
		lateness:  time.Duration(1+rng.IntN(1200)) * time.Millisecond,
		grace:     time.Duration(1+rng.IntN(100)) * time.Millisecond,
		reactions: 1 + rng.IntN(3), reducers: 1 + rng.IntN(2), counts: 1 + rng.IntN(2),
		clusters: 1 + rng.IntN(2), servers: 1 + rng.IntN(2),
		steps: 200 + rng.IntN(1000),
		pace:  time.Duration(1+rng.IntN(60)) * time.Millisecond,
		fetch: 2 + rng.IntN(20),
		kills: rarely(60), pauses: rarely(60), zombies: rarely(60), leaps: rarely(500),
		duplicates: rarely(10), staleAnswers: rarely(6), idleHours: rarely(1500),
	}
	for range 1 + rng.IntN(3) {
		// At most half of the lateness ahead: the topic's
		// message.timestamp.after.max.ms refuses more.
		ahead := time.Duration(rng.Int64N(int64(s.lateness/2) + 1))
		if rng.IntN(2) == 0 {
			ahead = -time.Duration(rng.Int64N(int64(3 * s.lateness)))
		}
		s.skew = append(s.skew, ahead)
	}
	return s
}

// once says whether something that happens once in n events happens now.
func (w *world) once(n int) bool { return !w.calm && n > 0 && w.rng.IntN(n) == 0 }
