// Package roster keeps which subscriber servers there are and when each was last heard
// of, as their heartbeats in emostream-servers tell.
//
// Servers are announced in that topic alone, so that all its readers agree within a
// heartbeat.
package roster

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// Entry is one server as last heard of.
type Entry struct {
	wire.ServerStatus
	Heard time.Time // when its last heartbeat was heard, by this process's clock
	Beats uint64    // heartbeats heard of this instance
}

// Roster is the servers heard of so far; the zero value is an empty one. It is
// safe for concurrent use.
type Roster struct {
	mu      sync.Mutex
	entries map[string]Entry
	rivals  map[string]Entry // of each name the last instance before the one in entries
}

// Apply takes in a heartbeat that was heard at a time.
func (r *Roster) Apply(s wire.ServerStatus, heard time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.entries == nil {
		r.entries, r.rivals = map[string]Entry{}, map[string]Entry{}
	}
	beats := uint64(1)
	switch old, ok := r.entries[s.Name]; {
	case ok && old.Instance == s.Instance:
		beats = old.Beats + 1
	case ok:
		r.rivals[s.Name] = old
	}
	r.entries[s.Name] = Entry{ServerStatus: s, Heard: heard, Beats: beats}
}

// Get returns the server of a name, if it was ever heard of.
func (r *Roster) Get(name string) (Entry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.entries[name]
	return e, ok
}

// Rival returns an instance other than the given one that has the same name and is
// alive at now.
func (r *Roster) Rival(name, instance string, now time.Time) (Entry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range []Entry{r.entries[name], r.rivals[name]} {
		if e.Name == name && e.Instance != instance && e.Alive(now) {
			return e, true
		}
	}
	return Entry{}, false
}

// All returns every server heard of, by the number in its name.
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

// Follow keeps the roster up to date from the servers' topic, from offset on,
// until ctx ends; then it returns nil. It calls ready once it has read all that
// was in the topic when it began, which ended at end.
func (r *Roster) Follow(ctx context.Context, log stream.Reader, offset, end int64, logger *slog.Logger, ready func()) error {
	caughtUp, answered := false, time.Now() // when the log last answered
	err := stream.Follow(ctx, log, offset, end, func(b stream.Batch) {
		now := time.Now()
		// What came in while the log could not be read is history too.
		live := caughtUp && now.Sub(answered) < 2*HeartbeatInterval
		answered = now
		for _, rec := range b.Records {
			if len(rec.Value) == 0 {
				continue // a tombstone: a record without a value, which removes a key
			}
			s, err := wire.DecodeServerStatus(rec.Value)
			if err != nil {
				logger.Warn("ignoring a heartbeat", "offset", rec.Offset, "error", err)
				continue
			}
			if written := time.UnixMilli(rec.Time); !live && written.Before(now) {
				r.Apply(s, written) // it is as old as it says
			} else {
				r.Apply(s, now)
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
