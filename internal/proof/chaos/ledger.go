package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Outcome is what the client of a tap knows of it.
type Outcome int

// The outcomes of a tap.
const (
	Acknowledged Outcome = iota // 200: it must be in the log once
	InDoubt                     // 503 in_doubt, or no answer: it may be there, once
	NotWritten                  // 503 not_written or overloaded: it must not be there
	NeverSent                   // no connection: it must not be there
	outcomes
)

func (o Outcome) String() string {
	return [...]string{"acknowledged", "in doubt", "not written", "never sent"}[o]
}

// Tap is a reaction that a client sent, under a user id of its own.
type Tap struct {
	ID      string
	Emoji   string
	Server  string // that it was sent to
	Sent    time.Time
	Outcome Outcome
	Answer  string // what the client was told
}

func (t Tap) String() string {
	return fmt.Sprintf("%s %s (sent at %s to %s, %v: %s)", t.ID, t.Emoji, t.Sent.Format(clock), t.Server, t.Outcome, t.Answer)
}

// clock writes times of day as the stages' logs can be searched for.
const clock = "15:04:05.000"

// Ledger holds every tap with its outcome. It is safe for concurrent use.
type Ledger struct {
	mu   sync.Mutex
	taps map[string]Tap
}

// Enter notes how a tap ended. Each id is entered once.
func (l *Ledger) Enter(t Tap) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taps == nil {
		l.taps = map[string]Tap{}
	}
	l.taps[t.ID] = t
}

// Written is a record of emoji-topic.
type Written struct {
	Partition int
	Offset    int64
	Time      int64 // ms
	UserID    string
	Emoji     string
}

func (w Written) String() string {
	return fmt.Sprintf("%d:%d at %s", w.Partition, w.Offset, time.UnixMilli(w.Time).Format(clock))
}

// Entries is how many taps had which outcome.
type Entries [outcomes]int64

// Judge holds what is in the log against the ledger, and says what is wrong, tap
// by tap.
func (l *Ledger) Judge(log []Written) (entries Entries, wrong []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := map[string][]Written{}
	for _, w := range log {
		found[w.UserID] = append(found[w.UserID], w)
	}
	for _, id := range slices.Sorted(maps.Keys(l.taps)) {
		t := l.taps[id]
		entries[t.Outcome]++
		if problem := t.judge(found[id]); problem != "" {
			wrong = append(wrong, fmt.Sprintf("%s is %s", t, problem))
		}
		delete(found, id)
	}
	for _, id := range slices.Sorted(maps.Keys(found)) {
		wrong = append(wrong, fmt.Sprintf("%q is in emoji-topic (%s) and nobody sent it", id, places(found[id])))
	}
	return entries, wrong
}

// judge says what is wrong with the records of one tap.
func (t Tap) judge(found []Written) string {
	least, most := 0, 1
	switch t.Outcome {
	case Acknowledged:
		least = 1
	case NotWritten, NeverSent:
		most = 0
	case InDoubt, outcomes:
	}
	switch n := len(found); {
	case n < least:
		return "not in emoji-topic"
	case n > most:
		return fmt.Sprintf("in emoji-topic %d times, of at most %d (%s)", n, most, places(found))
	case n == 1 && found[0].Emoji != t.Emoji:
		return fmt.Sprintf("in emoji-topic as %s (%s)", found[0].Emoji, places(found))
	}
	return ""
}

func places(found []Written) string {
	var at []string
	for _, w := range found {
		at = append(at, w.String())
	}
	return strings.Join(at, ", ")
}
