package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/token"
)

// How often keys are read.
const (
	fileInterval  = 2 * time.Second
	fetchInterval = 2 * time.Minute
	// fetchPause lies between two questions to an address at least.
	fetchPause = 10 * time.Second
)

// Bounds of the kids that are remembered because they were not known.
const (
	maxAsked = 1000
	askedFor = 5 * time.Minute
)

// ErrIssuerMissing says that a JWKS is given without an issuer.
var ErrIssuerMissing = errors.New("a provider that has a JWKS makes tokens for other programs, too: the issuer must be given")

// keySet is what was read of the keys at one time. It does not change.
type keySet struct {
	all     token.Keys
	rings   []*ringKey // of the keys, in the same order
	reading            // in which they were read
}

// reading is one time that the keys are read.
type reading struct {
	number int
	began  time.Time
}

// keys returns none if nothing was read yet.
func (s *keySet) keys() token.Keys {
	if s == nil {
		return nil
	}
	return s.all
}

func (s *keySet) member(key *token.Key) *ringKey { return s.rings[slices.Index(s.all, key)] }

// asking is when a kid was first asked for.
type asking struct {
	after int // the number of the reading that had begun last
	at    time.Time
}

// keyring has the keys as they were last read, and reads them again.
type keyring struct {
	source   string // for people
	file     bool
	issuer   string
	interval time.Duration // between two readings
	pause    time.Duration // between two readings, when one is asked for or has failed
	read     func(context.Context) ([]byte, error)
	log      *slog.Logger
	metrics  metrics

	now  atomic.Pointer[keySet] // nil: nothing was read yet
	wake chan struct{}          // a reading is asked for

	// Of run alone.
	held, seen [sha256.Size]byte // the content that is held, and the one that was last seen

	mu    sync.Mutex
	last  reading           // the last one that began
	err   error             // why it failed
	asked map[string]asking // the kids that were asked for and are not known
}

func newKeyring(c Config, m metrics) (*keyring, error) {
	k := &keyring{
		source: c.Keys, file: true, issuer: c.Issuer, interval: fileInterval, pause: fileInterval,
		read: func(context.Context) ([]byte, error) { return os.ReadFile(c.Keys) },
		log:  c.Logger, metrics: m, wake: make(chan struct{}, 1), asked: map[string]asking{},
	}
	if !isURL(c.Keys) {
		this := k.begin(time.Now())
		content, err := os.ReadFile(c.Keys)
		return k, k.end(this, content, err)
	}
	if c.Issuer == "" {
		return nil, ErrIssuerMissing
	}
	address, err := newAddress(c.Keys, c.Transport)
	if err != nil {
		return nil, err
	}
	k.source, k.read, k.file, k.interval, k.pause = address.name, address.fetch, false, fetchInterval, fetchPause
	return k, nil
}

// ask asks for the keys to be read again, since set lacks one with a kid, and returns how
// long that takes. It returns 0 if they were read after the kid was first asked for: then
// there is no such key.
func (k *keyring) ask(kid string, set *keySet, now time.Time) time.Duration {
	k.mu.Lock()
	first, known := k.asked[kid]
	if !known && len(k.asked) < maxAsked {
		k.asked[kid] = asking{k.last.number, now}
	}
	wait := max(time.Second, k.last.began.Add(k.pause).Sub(now))
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}: // after it was noted which reading is not enough
	default:
	}
	if known && set != nil && set.number > first.after {
		return 0
	}
	return wait
}

// run reads the keys again and again until ctx ends.
func (k *keyring) run(ctx context.Context) error {
	for ctx.Err() == nil {
		select {
		case <-k.wake: // what was asked for before is answered by the reading that begins now
		default:
		}
		began := time.Now()
		wait := k.waitAfter(k.readOnce(ctx, began))
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		case <-k.wake:
			_ = sleep.For(ctx, time.Until(began.Add(k.pause)))
		}
	}
	return nil
}

// waitAfter returns how long after a reading with that end the next one begins.
func (k *keyring) waitAfter(err error) time.Duration {
	if err != nil {
		return k.pause
	}
	return k.interval
}

// readOnce reads the keys, and holds on to the old ones if that fails.
func (k *keyring) readOnce(ctx context.Context, began time.Time) error {
	this := k.begin(began)
	content, err := k.read(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return k.end(this, content, err)
}

// begin counts a reading that begins.
func (k *keyring) begin(began time.Time) reading {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last = reading{k.last.number + 1, began}
	return k.last
}

// end takes what a reading found, or notes why it failed.
func (k *keyring) end(this reading, content []byte, err error) error {
	if err == nil {
		err = k.take(content, this)
	}
	k.mu.Lock()
	before := k.err
	k.err = err
	k.mu.Unlock()
	switch {
	case err == nil:
		k.metrics.fetched.Inc()
		if before != nil {
			k.log.Info("keys of tokens are read again", "keys", k.source)
		}
		return nil
	case k.file && k.now.Load() == nil: // no server starts, and its error says why
	case before != nil && before.Error() == err.Error(): // it was said
	case k.now.Load() == nil:
		k.log.Warn("no keys of tokens are read yet: nobody who shows a token is let in until they are", "keys", k.source, "error", err)
	default:
		k.log.Warn("keys of tokens are not read: those read before hold", "keys", k.source, "error", err)
	}
	k.metrics.failed.Inc()
	return fmt.Errorf("the keys of tokens in %s: %w", k.source, err)
}

// take puts what was read in the place of the keys that are held.
func (k *keyring) take(content []byte, this reading) error {
	hash := sha256.Sum256(content)
	last := k.now.Load()
	halfWritten := k.file && last != nil && hash != k.seen // perhaps: it is read twice
	k.seen = hash
	switch {
	case last != nil && hash == k.held:
		k.hold(&keySet{last.all, last.rings, this})
		return nil
	case halfWritten:
		return nil
	case token.IsJWKS(content) && k.issuer == "":
		return ErrIssuerMissing
	}
	keys, passedOver, err := k.parse(content)
	if err != nil {
		return err
	}
	for _, err := range passedOver {
		k.log.Info("a key of a JWKS is passed over", "keys", k.source, "reason", err)
	}
	k.held = hash
	k.replace(last, keys, this)
	return nil
}

func (k *keyring) parse(content []byte) (token.Keys, []error, error) {
	if k.file {
		return token.ReadKeys(content)
	}
	return token.ReadJWKS(content)
}

// replace holds keys in the place of those of last. A key that was there before stays the
// same, so that tokens which it has verified stay remembered. Those of others are forgotten.
func (k *keyring) replace(last *keySet, keys token.Keys, this reading) {
	next := &keySet{reading: this}
	gone := map[*ringKey]bool{}
	if last != nil {
		for _, ring := range last.rings {
			gone[ring] = true
		}
	}
	added := 0
	for _, key := range keys {
		ring := &ringKey{}
		if i := slices.IndexFunc(last.keys(), key.Equal); i >= 0 {
			ring = last.rings[i]
			delete(gone, ring)
		} else {
			added++
		}
		next.all, next.rings = append(next.all, key), append(next.rings, ring)
	}
	k.hold(next)
	for ring := range gone {
		ring.removed.Store(true)
	}
	if len(keys) == 0 {
		k.log.Warn("there are no keys any more that tokens may be signed with", "keys", k.source)
		return
	}
	k.log.Info("keys of tokens are read", "keys", k.source, "count", len(keys), "added", added, "removed", len(gone))
}

// hold makes set the one that holds, and forgets whom it need not wait for any more.
func (k *keyring) hold(set *keySet) {
	k.now.Store(set)
	k.metrics.keys.Set(float64(len(set.all)))
	k.metrics.fetchedAt.Set(float64(set.began.Unix()))
	k.mu.Lock()
	defer k.mu.Unlock()
	for kid, first := range k.asked {
		if set.began.Sub(first.at) > askedFor || slices.ContainsFunc(set.all, func(key *token.Key) bool { return key.ID == kid }) {
			delete(k.asked, kid)
		}
	}
}

func (k *keyring) status() Status {
	s := Status{Source: k.source}
	if set := k.now.Load(); set != nil {
		s.Keys, s.Read = len(set.all), set.began
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	s.Err = k.err
	return s
}
