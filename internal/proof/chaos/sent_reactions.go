package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Outcome is what the client that sent a reaction knows about it.
type Outcome int

// The outcomes of a reaction.
const (
	Acknowledged Outcome = iota // 200: it must be in the log once
	InDoubt                     // 503 in_doubt, or no answer: it may be there, once
	NotWritten                  // 503 not_written or overloaded, or a manager or the lack of a good token forbids it: it must not be there
	NeverSent                   // no connection: it must not be there
	outcomeCount                // how many outcomes there are
)

func (o Outcome) String() string {
	return [...]string{"acknowledged", "in doubt", "not written", "never sent"}[o]
}

// SentReaction is a reaction that a client sent, under a user id of its own.
type SentReaction struct {
	ID      string
	Emoji   string
	Server  string // that it was sent to
	Sent    time.Time
	Outcome Outcome
	Answer  string // the server's answer, or why there is none
}

func (r SentReaction) String() string {
	return fmt.Sprintf("%s %s (sent at %s to %s, %v: %s)", r.ID, r.Emoji, r.Sent.Format(timeLayout), r.Server, r.Outcome, r.Answer)
}

// timeLayout is the layout of times of day in the stages' logs.
const timeLayout = "15:04:05.000"

// SentReactions are all reactions that were sent, with their outcomes. It is safe for
// concurrent use.
type SentReactions struct {
	mu   sync.Mutex
	byID map[string]SentReaction
}

// Add adds a reaction whose outcome is known. Each id is added once.
func (s *SentReactions) Add(r SentReaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = map[string]SentReaction{}
	}
	s.byID[r.ID] = r
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
	return fmt.Sprintf("%d:%d at %s", w.Partition, w.Offset, time.UnixMilli(w.Time).Format(timeLayout))
}

// OutcomeCounts is how many reactions had each outcome.
type OutcomeCounts [outcomeCount]int64

// Check compares the reactions with the records of the log. It returns what is wrong,
// one text for each reaction.
func (s *SentReactions) Check(log []Written) (counts OutcomeCounts, wrong []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string][]Written{}
	for _, w := range log {
		found[w.UserID] = append(found[w.UserID], w)
	}
	for _, id := range slices.Sorted(maps.Keys(s.byID)) {
		r := s.byID[id]
		counts[r.Outcome]++
		if problem := r.check(found[id]); problem != "" {
			wrong = append(wrong, fmt.Sprintf("%s is %s", r, problem))
		}
		delete(found, id)
	}
	for _, id := range slices.Sorted(maps.Keys(found)) {
		wrong = append(wrong, fmt.Sprintf("%q is in emoji-topic (%s) and nobody sent it", id, places(found[id])))
	}
	return counts, wrong
}

// check returns what is wrong with the records that were found of a reaction; empty:
// nothing.
func (r SentReaction) check(found []Written) string {
	minRecords, maxRecords := 0, 1
	switch r.Outcome {
	case Acknowledged:
		minRecords = 1
	case NotWritten, NeverSent:
		maxRecords = 0
	case InDoubt, outcomeCount:
	}
	switch n := len(found); {
	case n < minRecords:
		return "not in emoji-topic"
	case n > maxRecords:
		return fmt.Sprintf("in emoji-topic %d times, of at most %d (%s)", n, maxRecords, places(found))
	case n == 1 && found[0].Emoji != r.Emoji:
		return fmt.Sprintf("in emoji-topic as %s (%s)", found[0].Emoji, places(found))
	}
	return ""
}

// places returns where records stand in the log, as text.
func places(found []Written) string {
	var at []string
	for _, w := range found {
		at = append(at, w.String())
	}
	return strings.Join(at, ", ")
}
