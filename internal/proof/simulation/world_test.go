package simulation_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/roster"
)

// world is a running history: topics, commits, and processes that work on them.
type world struct {
	t   *testing.T
	rng *rand.Rand
	set settings

	topics    map[string]*topic
	roles     []*role
	workers   []*worker // all that run, with those that were taken for dead
	flying    []flight  // steps that will be taken later
	roster    *roster.Roster
	written   int       // how many reactions are in the log
	active    int       // how many partitions get reactions: the first ones
	channels  int       // how many channels get reactions: the first ones
	lastWrite time.Time // when a reaction, count or swarm was last written
	farthest  time.Time // the greatest time of a reaction
	faults    faults
	calm      bool            // the adversary has stopped
	watermark *watermarkReset // that runs; nil: none
	reopened  int64           // resets have opened windows that end after it again
	held      map[int]int64   // by partition of emoji-topic: the reset that its last hold waits for
	reset     bool            // aggregate runs with --reset-lost
	unshown   bool            // retention has removed counts that publishers may not have read
	events    int
	trace     bool
	hash      uint64 // of all events
	decoded   decoded
	hidden    map[int64]bool // ends of windows that were counted far ahead of the clock

	mu       sync.Mutex
	requests []*request // that wait for their next step
}

// settings are drawn at random before a history begins.
type settings struct {
	window, lateness, grace             time.Duration
	reactions, reducers, counts         int // how many partitions each topic has
	clusters, servers                   int
	steps                               int
	pace                                time.Duration // less time than this passes between two steps
	fetch                               int           // a fetch returns fewer records than this
	maxHeld                             int           // how much a reducer holds; 0: all
	kills, pauses, zombies, leaps       int           // each happens once in so many steps; 0: never
	strangers, transactions             int
	duplicates, staleAnswers, idleHours int
	resets, watermarkResets             int
	removals                            int             // retention removes records once in so many steps; 0: only after a silence
	skew                                []time.Duration // how far the clocks of main servers are ahead
	far                                 int             // a request in so many has times that no right clock has; 0: none
}

// faults counts the faults of a history.
type faults struct {
	kills, pauses, zombies, repeats, leaps, idleHours, resets, watermarkResets, strangers, transactions, far int
	removals                                                                                                 int
	stopped                                                                                                  int // histories in which a stage stopped, and said what is gone
}

// newSettings draws the settings of a history at random.
func newSettings(rng *rand.Rand) settings {
	rarely := func(n int) int { // 0 in one history of four
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
		steps:     200 + rng.IntN(1000),
		pace:      time.Duration(1+rng.IntN(60)) * time.Millisecond,
		fetch:     2 + rng.IntN(20),
		strangers: rarely(80), transactions: rarely(80),
		kills: rarely(60), pauses: rarely(60), zombies: rarely(60), leaps: rarely(500),
		duplicates: rarely(10), staleAnswers: rarely(6), idleHours: rarely(1500),
		resets: rarely(600), maxHeld: rarely(60),
	}
	for range 1 + rng.IntN(3) {
		// A clock is ahead by half of the lateness at most: the topic's
		// message.timestamp.after.max.ms refuses records that are further ahead.
		ahead := time.Duration(rng.Int64N(int64(s.lateness/2) + 1))
		if rng.IntN(2) == 0 {
			ahead = -time.Duration(rng.Int64N(int64(3 * s.lateness)))
		}
		s.skew = append(s.skew, ahead)
	}
	if rng.IntN(2) == 0 {
		s.far = 5 + rng.IntN(100)
		s.watermarkResets = rarely(150)
	}
	return s
}

// once decides at random whether something happens now that happens once in n times. It
// says no when the adversary has stopped.
func (w *world) once(n int) bool { return !w.calm && n > 0 && w.rng.IntN(n) == 0 }
