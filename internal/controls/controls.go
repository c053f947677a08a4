// Package controls is what people who run an event have set while it runs: channels that
// are paused, closed or slowed, users who are banned, and emojis that are hidden. It is
// kept in the compacted topic emostream-controls, one record for each kind and name.
package controls

import (
	"sync"
	"time"

	"github.com/emostream/emostream/internal/quota"
)

// Kind is what a control is about.
type Kind string

// The kinds.
const (
	Channel Kind = "channel"
	User    Kind = "user"
	Emoji   Kind = "emoji"
)

// State is what a control says of its channel, user or emoji.
type State string

// The states: of a channel the first three, of a user and of an emoji one each.
const (
	Paused State = "paused" // no reactions are taken; it goes on later
	Closed State = "closed" // no reactions are taken any more
	Slowed State = "slowed" // each user may send PerUser
	Banned State = "banned"
	Hidden State = "hidden"
)

// Control is one thing that is in force.
type Control struct {
	Kind    Kind
	Name    string
	State   State
	PerUser quota.Rate // of Slowed
	Until   time.Time  // when it ends by itself; zero: it does not
	Reason  string     // what people are told; may be empty
}

// Table is all that is in force. The zero value is empty, and a nil one stays so. It is
// safe for concurrent use.
type Table struct {
	mu      sync.Mutex
	all     map[Kind]map[string]Control
	changed chan struct{}
}

// Get returns what is in force at now for one channel, user or emoji.
func (t *Table) Get(kind Kind, name string, now time.Time) (Control, bool) {
	if t == nil {
		return Control{}, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.all[kind][name]
	return c, ok && (c.Until.IsZero() || now.Before(c.Until))
}

// All returns what is in force at now, in the order of kinds and names.
func (t *Table) All(now time.Time) []Control { return nil }

// Changed returns a channel that is closed when something comes into force next, or
// ceases to be, also because its time is over.
func (t *Table) Changed() <-chan struct{} { return nil }
