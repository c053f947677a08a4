// Package quota gives each key so many tokens a second: a token bucket for every
// user or address, in memory of a fixed size.
//
// A bucket is one number, the time at which it will be full again (the generic
// cell rate algorithm), so a key costs 16 bytes, and one whose bucket is full
// need not be known at all. A [Limiter] is a table of a fixed number of places,
// eight for each hash. When all eight are taken, the key whose bucket is nearest
// to full gives its place up: most often one that is full, about which nothing is
// lost; else its bucket is full too early, in favour of the client. That is the
// policy when there are more keys than places: nobody is refused for it.
package quota

import (
	"fmt"
	"hash/maphash"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Rate is how many tokens a key gets a second, and how many it can save up.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Bounds of rates, within which nothing overflows.
const (
	minPerSecond = 0.001
	maxPerSecond = 1e6
	maxBurst     = 1_000_000
)

// ParseRate reads RATE or RATE:BURST, such as 5, 0.5 or 5:20. Without a burst it
// is what a second brings, at least 1.
func ParseRate(s string) (Rate, error) {
	rate, burst, ok := strings.Cut(s, ":")
	perSecond, err := strconv.ParseFloat(rate, 64)
	if err != nil || !(perSecond >= minPerSecond && perSecond <= maxPerSecond) {
		return Rate{}, fmt.Errorf("%.40q: want RATE or RATE:BURST, as in 5 or 5:20, with %v to %d a second", s, minPerSecond, int(maxPerSecond))
	}
	r := Rate{PerSecond: perSecond, Burst: int(math.Ceil(perSecond))}
	if ok {
		if r.Burst, err = strconv.Atoi(burst); err != nil || r.Burst < 1 || r.Burst > maxBurst {
			return Rate{}, fmt.Errorf("%.40q: want RATE:BURST, as in 5:20, with a burst of 1 to %d", s, maxBurst)
		}
	}
	return r, nil
}

// String is what a person is told: "5 a second, 20 at once".
func (r Rate) String() string {
	return strconv.FormatFloat(r.PerSecond, 'f', -1, 64) + " a second, " + strconv.Itoa(r.Burst) + " at once"
}

const (
	ways    = 8 // places for a hash: two cache lines
	stripes = 64
)

// place is a key and its bucket.
type place struct {
	key  uint64 // 0: nobody's
	full int64  // when the bucket is full again, in nanoseconds after the limiter's epoch
}

// Limiter keeps the buckets. It is safe for concurrent use.
type Limiter struct {
	rate  Rate
	every int64 // nanoseconds that bring one token
	deep  int64 // nanoseconds that fill a bucket
	epoch time.Time
	seed  maphash.Seed
	mask  uint64
	sets  [][ways]place
	locks [stripes]struct {
		sync.Mutex
		_ [56]byte // a cache line for each
	}
}

// New returns a limiter with places for at least so many keys.
func New(r Rate, keys int) *Limiter {
	sets := 1
	for sets*ways < keys {
		sets *= 2
	}
	l := &Limiter{rate: r, every: int64(1e9 / r.PerSecond), epoch: time.Now(), seed: maphash.MakeSeed(), mask: uint64(sets - 1), sets: make([][ways]place, sets)}
	l.deep = l.every * int64(r.Burst)
	return l
}

// Rate is what each key gets.
func (l *Limiter) Rate() Rate { return l.rate }

// Key is the number of a key. It tells nothing of the key, and is another one in
// another limiter.
func (l *Limiter) Key(name string) uint64 {
	return max(1, maphash.String(l.seed, name))
}

// Take takes n tokens of a key and returns 0, or takes none and returns how long
// it will be until there are n. More than the burst there will never be: the
// caller sees to that.
func (l *Limiter) Take(key uint64, n int, now time.Time) (wait time.Duration) {
	at := max(0, int64(now.Sub(l.epoch)))
	set, unlock := l.lock(key)
	defer unlock.Unlock()
	p, mine := find(set, key)
	from := at
	if mine {
		from = max(at, p.full)
	}
	full := from + int64(n)*l.every
	if over := full - at - l.deep; over > 0 {
		return time.Duration(over)
	}
	p.key, p.full = key, full
	return 0
}

// Give gives n tokens back that were taken for nothing.
func (l *Limiter) Refund(key uint64, n int) {
	set, unlock := l.lock(key)
	defer unlock.Unlock()
	if p, mine := find(set, key); mine {
		p.full -= int64(n) * l.every
	}
}

// Wait is how long it will be until the key has one token; 0 if it has.
func (l *Limiter) Delay(key uint64, now time.Time) time.Duration {
	at := max(0, int64(now.Sub(l.epoch)))
	set, unlock := l.lock(key)
	defer unlock.Unlock()
	p, mine := find(set, key)
	if !mine {
		return 0
	}
	return time.Duration(max(0, p.full+l.every-at-l.deep))
}

func (l *Limiter) lock(key uint64) (*[ways]place, *sync.Mutex) {
	i := key & l.mask
	m := &l.locks[i%stripes].Mutex
	m.Lock()
	return &l.sets[i], m
}

// find returns the key's place, or the one to give to it: nobody's, or that of the
// key whose bucket is nearest to full.
func find(set *[ways]place, key uint64) (p *place, mine bool) {
	p = &set[0]
	for i := range set {
		if set[i].key == key {
			return &set[i], true
		}
		if set[i].full < p.full {
			p = &set[i]
		}
	}
	return p, false
}
