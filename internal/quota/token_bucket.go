// Package quota has a token bucket for each key, such as a user or an address, in a
// fixed amount of memory.
//
// A bucket is one number: the time at which it will be full again (the generic cell
// rate algorithm). So a key takes 16 bytes, and a key whose bucket is full need not be
// stored. A [Limiter] is a table with a fixed number of places, eight for each hash. If
// all eight are taken, a new key replaces the one whose bucket will be full soonest.
// Mostly that bucket is full already, and nothing is lost; if not, its key gets a full
// bucket too early, in favour of the client. So no key is refused because there are
// more keys than places.
package quota

import (
	"fmt"
	"hash/maphash"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Rate is how many tokens per second a key gets, and how many its bucket holds.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Bounds of a rate. Within them nothing overflows.
const (
	minPerSecond = 0.001
	maxPerSecond = 1e6
	maxBurst     = 1_000_000
)

// ParseRate parses RATE or RATE:BURST, such as 5, 0.5 or 5:20. RATE is a number a second,
// or of another unit of time when that stands behind it: 5/s, 30/m or 100/h. If BURST is
// missing, it is the number a second rounded up.
func ParseRate(s string) (Rate, error) {
	rate, burst, hasBurst := strings.Cut(s, ":")
	number, unit, hasUnit := strings.Cut(rate, "/")
	perSecond, err := strconv.ParseFloat(number, 64)
	if seconds, known := units()[unit]; known {
		perSecond /= seconds
	} else if hasUnit {
		return Rate{}, fmt.Errorf("%.40q: want a rate a second, minute or hour, as in 5/s, 30/m or 100/h", s)
	}
	if err != nil || !(perSecond >= minPerSecond && perSecond <= maxPerSecond) {
		return Rate{}, fmt.Errorf("%.40q: want RATE or RATE:BURST, as in 5, 30/m or 5:20, with %v to %d a second", s, minPerSecond, int(maxPerSecond))
	}
	r := Rate{PerSecond: perSecond, Burst: defaultBurst(perSecond)}
	if hasBurst {
		if r.Burst, err = strconv.Atoi(burst); err != nil || r.Burst < 1 || r.Burst > maxBurst {
			return Rate{}, fmt.Errorf("%.40q: want RATE:BURST, as in 5:20, with a burst of 1 to %d", s, maxBurst)
		}
	}
	return r, nil
}

// units are the seconds of the units of time that a rate can have.
func units() map[string]float64 { return map[string]float64{"s": 1, "m": 60, "h": 3600} }

func defaultBurst(perSecond float64) int { return int(math.Ceil(perSecond)) }

// Text returns the rate as ParseRate reads it, such as 5/s, 30/m or 5/s:20.
func (r Rate) Text() string {
	text := strconv.FormatFloat(r.PerSecond, 'f', -1, 64) + "/s"
	for _, unit := range []string{"s", "m", "h"} {
		seconds := units()[unit]
		if n := math.Round(r.PerSecond * seconds); n/seconds == r.PerSecond {
			text = strconv.FormatFloat(n, 'f', -1, 64) + "/" + unit
			break
		}
	}
	if r.Burst != defaultBurst(r.PerSecond) {
		text += ":" + strconv.Itoa(r.Burst)
	}
	return text
}

// String returns a text for people, such as "5 a second, 20 at once".
func (r Rate) String() string {
	return strconv.FormatFloat(r.PerSecond, 'f', -1, 64) + " a second, " + strconv.Itoa(r.Burst) + " at once"
}

const (
	places    = 8  // for each hash: two cache lines
	lockCount = 64 // each guards a part of the table
)

// bucket is one place of the table: a key, and the time at which its tokens will be
// complete again.
type bucket struct {
	key  uint64 // 0: an empty place
	full int64  // in nanoseconds after the limiter's epoch
}

// Limiter holds the buckets of all keys. It is safe for concurrent use.
type Limiter struct {
	rate  Rate
	at    pace
	epoch time.Time
	seed  maphash.Seed
	mask  uint64 // the bits of a key that are its index in sets
	sets  [][places]bucket
	locks [lockCount]struct {
		sync.Mutex
		_ [56]byte // gives each lock a cache line of its own
	}
}

// pace is a rate as the arithmetic has it.
type pace struct {
	perToken int64 // nanoseconds in which a bucket gains one token
	toFill   int64 // nanoseconds in which an empty bucket fills
}

func (r Rate) pace() pace {
	perToken := int64(1e9 / r.PerSecond)
	return pace{perToken, perToken * int64(r.Burst)}
}

// New returns a limiter with places for at least keys keys.
func New(r Rate, keys int) *Limiter {
	sets := 1
	for sets*places < keys {
		sets *= 2
	}
	return &Limiter{rate: r, at: r.pace(), epoch: time.Now(), seed: maphash.MakeSeed(), mask: uint64(sets - 1), sets: make([][places]bucket, sets)}
}

// Rate returns the rate that each key gets.
func (l *Limiter) Rate() Rate { return l.rate }

// Key returns the number that stands for a name in the other methods. It is a hash with
// a random seed, so that each limiter has another number for the same name.
func (l *Limiter) Key(name string) uint64 {
	return max(1, maphash.String(l.seed, name))
}

// PairKey returns the number that stands for two names together in the other methods.
func (l *Limiter) PairKey(a, b string) uint64 {
	var h maphash.Hash
	h.SetSeed(l.seed)
	_, _ = h.WriteString(a)
	_ = h.WriteByte(0)
	_, _ = h.WriteString(b)
	return max(1, h.Sum64())
}

// AddressKey returns the number that stands for an address in the other methods.
func (l *Limiter) AddressKey(a netip.Addr) uint64 {
	b := a.As16()
	return l.Key(string(b[:]))
}

// Take takes n tokens from a key's bucket and returns 0. If there are fewer, it takes
// none and returns how long it takes until there are n. n must not be greater than the
// burst, since a bucket never holds more.
func (l *Limiter) Take(key uint64, n int, now time.Time) (wait time.Duration) {
	return l.take(l.at, key, n, now)
}

// TakeAt is Take for a key with a rate of its own. A key has one rate at a time. When it
// gets another one, its bucket keeps the time at which it is full, but owes no more than a
// burst of the new rate.
func (l *Limiter) TakeAt(r Rate, key uint64, n int, now time.Time) (wait time.Duration) {
	return l.take(r.pace(), key, n, now)
}

func (l *Limiter) take(p pace, key uint64, n int, now time.Time) (wait time.Duration) {
	at := max(0, int64(now.Sub(l.epoch)))
	set, mu := l.lock(key)
	defer mu.Unlock()
	b, full := p.fullAfter(set, key, n, at)
	if over := full - at - p.toFill; over > 0 {
		return time.Duration(over)
	}
	b.key, b.full = key, full
	return 0
}

// Charge takes n tokens from a key's bucket. If there are fewer, the key owes the rest,
// but never more than a burst.
func (l *Limiter) Charge(key uint64, n int, now time.Time) {
	at := max(0, int64(now.Sub(l.epoch)))
	set, mu := l.lock(key)
	defer mu.Unlock()
	b, full := l.at.fullAfter(set, key, n, at)
	b.key, b.full = key, min(full, at+2*l.at.toFill)
}

// Refund puts n tokens back that Take has taken.
func (l *Limiter) Refund(key uint64, n int) { l.refund(l.at, key, n) }

// RefundAt puts n tokens back that TakeAt has taken at the same rate.
func (l *Limiter) RefundAt(r Rate, key uint64, n int) { l.refund(r.pace(), key, n) }

func (l *Limiter) refund(p pace, key uint64, n int) {
	set, mu := l.lock(key)
	defer mu.Unlock()
	if b, found := find(set, key); found {
		b.full -= int64(n) * p.perToken
	}
}

// Delay returns how long it takes until the key has a token; 0 if it has one.
func (l *Limiter) Delay(key uint64, now time.Time) time.Duration {
	at := max(0, int64(now.Sub(l.epoch)))
	set, mu := l.lock(key)
	defer mu.Unlock()
	_, full := l.at.fullAfter(set, key, 1, at)
	return time.Duration(max(0, full-at-l.at.toFill))
}

// fullAfter returns a key's bucket, as find does, and when it will be full again if n
// tokens are taken from it at the time at.
func (p pace) fullAfter(set *[places]bucket, key uint64, n int, at int64) (b *bucket, full int64) {
	b, found := find(set, key)
	from := at
	if found {
		from = min(max(at, b.full), at+2*p.toFill)
	}
	return b, from + int64(n)*p.perToken
}

// lock returns the eight places in which a key's bucket may be, and the mutex that guards
// them, which is locked: the caller unlocks it.
func (l *Limiter) lock(key uint64) (*[places]bucket, *sync.Mutex) {
	i := key & l.mask
	m := &l.locks[i%lockCount].Mutex
	m.Lock()
	return &l.sets[i], m
}

// find returns the key's bucket. If it is not stored, find returns the one to replace:
// an empty place, or the bucket that will be full soonest.
func find(set *[places]bucket, key uint64) (b *bucket, found bool) {
	b = &set[0]
	for i := range set {
		if set[i].key == key {
			return &set[i], true
		}
		if set[i].full < b.full {
			b = &set[i]
		}
	}
	return b, false
}
