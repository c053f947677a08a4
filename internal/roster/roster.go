// Package roster keeps the list of subscriber servers, and when the last heartbeat of
// each was heard in emostream-servers.
//
// Servers are announced in that topic and nowhere else, so all its readers agree within
// a heartbeat.
package roster

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/passedover"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/ticket"
	"github.com/emostream/emostream/internal/wire"
)

// Entry is one server, as its last heartbeat described it.
type Entry struct {
	wire.ServerStatus
	Heard time.Time // when its last heartbeat was heard, by this process's clock
	Beats uint64    // how many heartbeats of this instance were heard
	// Signed says that the heartbeat was signed with a key of this installation.
	Signed bool
}

// ChecksTickets says whether the server proves that it lets in only who has a ticket or a
// token.
func (e Entry) ChecksTickets() bool { return e.Tickets && e.Signed }

// MaxServers is how many servers a roster holds: more than one installation has, and few
// enough for publish to write to the topics of all of them.
const MaxServers = 1000

// Roster is the list of the servers whose heartbeats were heard. The zero value is an
// empty list of servers whose topics have no prefix. It is safe for concurrent use.
type Roster struct {
	Names wire.Topics  // of the installation; its servers' topics are among these
	Keys  *ticket.Keys // with which the heartbeats that Follow reads are signed; nil: there are none

	mu      sync.Mutex
	entries map[string]Entry
	rivals  map[string]Entry // by name: the last instance before the one in entries
}

// Apply takes in a heartbeat without a signature that was heard at heard. If there are
// MaxServers, the one that has been silent for longest makes way for a new one. If all of
// them are alive, Apply takes nothing in and returns false.
func (r *Roster) Apply(s wire.ServerStatus, heard time.Time) bool {
	return r.apply(Entry{ServerStatus: s, Heard: heard}) == nil
}

// ApplySigned does the same for a heartbeat whose signature is that of its value.
func (r *Roster) ApplySigned(s wire.ServerStatus, heard time.Time) bool {
	return r.apply(Entry{ServerStatus: s, Heard: heard, Signed: true}) == nil
}

// apply takes in a heartbeat, or returns why it does not.
//
// Whoever may write to the topic can write heartbeats without a signature, and those that
// were signed once again. So while a server that signs is alive, only a later heartbeat that
// is signed replaces the one that is known. None that is not later brings it back to life.
func (r *Roster) apply(e Entry) error {
	s, heard := e.ServerStatus, e.Heard
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.entries == nil {
		r.entries, r.rivals = map[string]Entry{}, map[string]Entry{}
	}
	old, known := r.entries[s.Name]
	again := known && old.Instance == s.Instance
	if known && old.Signed {
		switch {
		case e.Signed && s.Time <= old.Time && (again || old.Alive(heard)):
			return fmt.Errorf("it is of %s, and not later than the one that is known", s.Name)
		case !e.Signed && old.Alive(heard):
			return fmt.Errorf("it is of %s, which signs its heartbeats, and has no valid signature", s.Name)
		}
	}
	if !known && len(r.entries) >= MaxServers && !r.forgetOne(heard, e.Signed) {
		return fmt.Errorf("%s would be one more than the %d subscriber servers that are taken", s.Name, MaxServers)
	}
	e.Beats = 1
	switch rival := r.rivals[s.Name]; {
	case again:
		e.Beats = old.Beats + 1
	case known && e.Signed && !old.Signed: // it was never a rival
	case known:
		if rival.Instance == s.Instance {
			e.Beats = rival.Beats + 1 // the two take turns
		}
		r.rivals[s.Name] = old
	}
	r.entries[s.Name] = e
	return nil
}

// forgetOne forgets the server that has been silent for longest. It returns false if all
// are alive at now. For one that signs its heartbeats, those that do not make way even then:
// whoever may write to the topic can make up any number of them. The caller holds r.mu.
func (r *Roster) forgetOne(now time.Time, signs bool) bool {
	var silent *Entry
	for _, e := range r.entries {
		if (!e.Alive(now) || signs && !e.Signed) && (silent == nil || e.Heard.Before(silent.Heard)) {
			silent = &e
		}
	}
	if silent == nil {
		return false
	}
	delete(r.entries, silent.Name)
	delete(r.rivals, silent.Name)
	return true
}

// Get returns the server with a name, if a heartbeat of it was ever heard.
func (r *Roster) Get(name string) (Entry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.entries[name]
	return e, ok
}

// Rival returns another instance than the given one that has the same name and is alive
// at now. Where there are keys, it is one that signs its heartbeats: anybody can make up
// others, so that a server with a key must not give its name up to them.
func (r *Roster) Rival(name, instance string, now time.Time) (Entry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range []Entry{r.entries[name], r.rivals[name]} {
		if e.Name == name && e.Instance != instance && e.Alive(now) && (r.Keys == nil || e.Signed) {
			return e, true
		}
	}
	return Entry{}, false
}

// All returns all servers, in the order of the numbers in their names.
func (r *Roster) All() []Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Entry, 0, len(r.entries))
	for _, e := range r.entries {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// Follow reads heartbeats from the servers' topic, from offset on, into the roster,
// until ctx ends; then it returns nil. end is where the topic ended when the caller
// began. Once Follow has read up to it, it calls ready. Records of the topic that cannot
// be heartbeats of this installation's servers are reported to over.
func (r *Roster) Follow(ctx context.Context, log stream.Reader, offset, end int64, topic string, over *passedover.Reporter, ready func()) error {
	caughtUp, answered := false, time.Now() // when the log last answered
	err := stream.Follow(ctx, log, offset, end, func(b stream.Batch) {
		now := time.Now()
		// Records that come after the log could not be read for a while may be old.
		live := caughtUp && now.Sub(answered) < 2*HeartbeatInterval
		answered = now
		over.Batch(topic, 0, b)
		for _, rec := range b.Records {
			if len(rec.Value) == 0 {
				continue // a tombstone: a record without a value, which removes its key
			}
			s, err := r.Names.DecodeServerStatus(rec.Key, rec.Value)
			if err == nil {
				heard := now
				if written := time.UnixMilli(rec.Time); !live && written.Before(now) {
					heard = written // an old heartbeat was heard when it was written
				}
				err = r.apply(Entry{ServerStatus: s, Heard: heard, Signed: r.Keys.Signed(rec.Value, signature(rec))})
			}
			if err != nil {
				over.Record(topic, 0, rec.Offset, err)
			}
		}
	}, func() {
		caughtUp = true
		ready()
	})
	if err != nil {
		return fmt.Errorf("follow the servers: %w", err)
	}
	return nil
}

// signature returns the signature in the header of a heartbeat's record, or nil.
func signature(rec stream.Record) []byte {
	for _, h := range rec.Headers {
		if h.Key == wire.SignatureHeader {
			return h.Value
		}
	}
	return nil
}
