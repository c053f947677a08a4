package controls

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// MaxOfKind is how many channels, users and emojis a table holds of each: more than one
// event needs. One that is full takes 10 MB of memory.
const MaxOfKind = 10_000

// Table is all that is in force. The zero value is empty, and a nil one stays so. It is
// safe for concurrent use.
type Table struct {
	Logger *slog.Logger // told of changes, at most once a second; nil: nobody is

	sizes [3]atomic.Int64 // of the kinds, so that asking for one of which there is nothing costs next to nothing

	mu      sync.RWMutex
	all     map[Kind]map[string]entry
	reading int // counts how often Follow has begun to read the topic
	changed chan struct{}
	waiting map[*waiter]bool
	// overtaken has the controls that were set anew just before a record came that ends
	// the one before, because its time was over.
	overtaken map[key]Control
	log       changeLog
}

type key struct {
	kind Kind
	name string
}

// entry is a control and the offset of its record.
type entry struct {
	Control
	offset  int64
	reading int  // in which it was read
	over    bool // as the table has last told by closing changed
}

func (k Kind) index() int { return slices.Index(kinds(), k) }

// Get returns what is in force at now for one channel, user or emoji.
func (t *Table) Get(kind Kind, name string, now time.Time) (Control, bool) {
	if t.Size(kind) == 0 {
		return Control{}, false
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	e, ok := t.all[kind][name]
	if !ok || e.Over(now) {
		return Control{}, false
	}
	return e.Control, true
}

// Size returns how much the table has of a kind, be it over or not. It is cheap.
func (t *Table) Size(kind Kind) int {
	if t == nil {
		return 0
	}
	return int(t.sizes[kind.index()].Load())
}

// All returns what is in force at now, in the order of kinds and names. If kinds are given,
// it is only what is in force of these, and costs nothing for others: users may be many.
func (t *Table) All(now time.Time, of ...Kind) []Control {
	if t == nil {
		return nil
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.inForce(now, of...)
}

// Hidden returns the emojis that are hidden at now.
func (t *Table) Hidden(now time.Time) map[string]bool {
	hidden := map[string]bool{}
	for _, c := range t.All(now, Emoji) {
		hidden[c.Name] = true
	}
	return hidden
}

// inForce is All while t.mu is held.
func (t *Table) inForce(now time.Time, only ...Kind) []Control {
	var all []Control
	for _, kind := range kinds() {
		if len(only) > 0 && !slices.Contains(only, kind) {
			continue
		}
		of := len(all)
		for _, e := range t.all[kind] {
			if !e.Over(now) {
				all = append(all, e.Control)
			}
		}
		slices.SortFunc(all[of:], func(a, b Control) int { return cmp.Compare(a.Name, b.Name) })
	}
	return all
}

// Changed returns a channel that is closed when something comes into force next, or
// ceases to be. While the table follows the topic, it is closed also within a second
// after the time of something is over.
func (t *Table) Changed() <-chan struct{} {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	return t.changed
}

// Set lets a control be in force. It returns an error if the table is full.
func (t *Table) Set(c Control) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.set(c, -1, time.Now())
}

// Remove ends what is in force for a channel, user or emoji.
func (t *Table) Remove(kind Kind, name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(kind, name)
}

// set takes in a control, whose record has an offset. t.mu is held.
func (t *Table) set(c Control, offset int64, now time.Time) error {
	of := t.all[c.Kind]
	if _, known := of[c.Name]; !known && len(of) >= MaxOfKind {
		if !t.forgetOver(c.Kind, now) {
			return fmt.Errorf("there are %d controls of the kind %s already, and no more are taken", MaxOfKind, c.Kind)
		}
	}
	if of == nil {
		if t.all == nil {
			t.all = map[Kind]map[string]entry{}
		}
		of = map[string]entry{}
		t.all[c.Kind] = of
	}
	of[c.Name] = entry{Control: c, offset: offset, reading: t.reading, over: c.Over(now)}
	delete(t.overtaken, key{c.Kind, c.Name})
	t.tell(c.Kind)
	return nil
}

// remove takes a control out. t.mu is held.
func (t *Table) remove(kind Kind, name string) {
	delete(t.overtaken, key{kind, name})
	if _, known := t.all[kind][name]; known {
		delete(t.all[kind], name)
		t.tell(kind)
	}
}

// forgetOver forgets the controls of a kind whose time is over. It returns false if there
// are none. t.mu is held.
func (t *Table) forgetOver(kind Kind, now time.Time) bool {
	forgotten := false
	for name, e := range t.all[kind] {
		if e.Over(now) {
			delete(t.all[kind], name)
			forgotten = true
		}
	}
	if forgotten {
		t.tell(kind) // that may not have been told yet
	}
	return forgotten
}

// forgetUnread forgets the controls that were not read since Follow began: they have ended
// while nobody followed, and compaction has removed the records that said so. t.mu is held.
func (t *Table) forgetUnread() {
	for _, kind := range kinds() {
		for name, e := range t.all[kind] {
			if e.reading != t.reading {
				t.remove(kind, name)
			}
		}
	}
}

// reset empties the table, because the topic is another one than before. t.mu is held.
func (t *Table) reset() {
	for _, kind := range kinds() {
		if len(t.all[kind]) > 0 {
			clear(t.all[kind])
			t.tell(kind)
		}
	}
	clear(t.overtaken)
}

// tell lets all know who wait for a change of a kind. t.mu is held.
func (t *Table) tell(kind Kind) {
	t.sizes[kind.index()].Store(int64(len(t.all[kind])))
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// look tells those who wait if the time of something is over, or is no longer, because
// the clock was set back.
func (t *Table) look(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for kind, of := range t.all {
		for name, e := range of {
			if over := e.Over(now); over != e.over {
				e.over = over
				of[name] = e
				t.tell(kind)
				if over {
					t.log.add(e.Control, "over", now)
				}
			}
		}
	}
	t.log.flush(now)
}
