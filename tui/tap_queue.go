package tui

import (
	"slices"
	"time"

	"github.com/emostream/emostream/internal/client"
)

// Bounds of a TapQueue.
const (
	requestInterval  = 100 * time.Millisecond // least time from one request to the next
	retryDelay       = time.Second            // wait after an answer that says that taps were not written
	retryTimeout     = 15 * time.Second       // how long after a tap it is sent again if it was not written
	maxReactionCount = 100                    // most taps sent as one reaction with a count
	maxWaiting       = 10_000                 // most taps that wait to be sent
	maxOwn           = 1024                   // most OwnTaps kept
)

// Taps are a number of taps of one emoji.
type Taps struct {
	Emoji string
	Count int
	First time.Time // the time of the first tap
}

// TapQueue holds taps until the outcome of each is known. It decides when to send which
// taps, and which to send again.
//
// There is one request at a time, and at least requestInterval between the beginnings
// of two. Taps that arrive meanwhile wait, added up by emoji. Taps that were certainly
// not written are sent again until they are older than retryTimeout. Then they count as
// not sent, as do taps beyond maxWaiting. Taps that may have been written are not sent
// again.
type TapQueue struct {
	waiting, inFlight []Taps
	nextRequest       time.Time // the earliest time of the next request

	// How many taps have had each outcome so far.
	Accepted, Refused, InDoubt, NotSent int

	own             []OwnTaps // the newest maxOwn
	acceptedByEmoji []Taps
}

// Tap returns the queue with n more taps of an emoji. It returns false if not all of
// them fit; taps beyond maxWaiting count as not sent.
func (q TapQueue) Tap(emoji string, n int, now time.Time) (TapQueue, bool) {
	room := maxWaiting - q.Waiting()
	if n > room {
		q.NotSent += n - max(0, room)
	}
	if room <= 0 {
		return q, false
	}
	q.waiting = added(q.waiting, Taps{emoji, min(n, room), now})
	return q, n <= room
}

// added returns a copy of list with t added to the taps of the same emoji.
func added(list []Taps, t Taps) []Taps {
	list = slices.Clone(list)
	for i := range list {
		if list[i].Emoji == t.Emoji {
			list[i].Count += t.Count
			if t.First.Before(list[i].First) {
				list[i].First = t.First
			}
			return list
		}
	}
	return append(list, t)
}

func sum(list []Taps) int {
	n := 0
	for _, t := range list {
		n += t.Count
	}
	return n
}

// Waiting returns how many taps wait to be sent.
func (q TapQueue) Waiting() int { return sum(q.waiting) }

// Pending returns how many taps have no outcome yet.
func (q TapQueue) Pending() int { return sum(q.waiting) + sum(q.inFlight) }

// PendingOf returns how many taps of one emoji have no outcome yet.
func (q TapQueue) PendingOf(emoji string) int {
	n := 0
	for _, t := range slices.Concat(q.waiting, q.inFlight) {
		if t.Emoji == emoji {
			n += t.Count
		}
	}
	return n
}

// AcceptedOf returns how many taps of one emoji were accepted.
func (q TapQueue) AcceptedOf(emoji string) int {
	for _, t := range q.acceptedByEmoji {
		if t.Emoji == emoji {
			return t.Count
		}
	}
	return 0
}

// NextRequest returns the taps to send now, or nil if there are none. The caller sends
// them and passes the result to TakeResult.
func (q TapQueue) NextRequest(now time.Time) (TapQueue, []Taps) {
	if len(q.waiting) == 0 || len(q.inFlight) > 0 || now.Before(q.nextRequest) {
		return q, nil
	}
	q.inFlight = nil
	for _, t := range q.waiting {
		for ; t.Count > maxReactionCount; t.Count -= maxReactionCount {
			q.inFlight = append(q.inFlight, Taps{t.Emoji, maxReactionCount, t.First})
		}
		q.inFlight = append(q.inFlight, t)
	}
	q.waiting, q.nextRequest = nil, now.Add(requestInterval)
	return q, q.inFlight
}

// notYet is the beginning of the message about taps that will be sent again.
const notYet = "not taken yet: "

// TakeResult returns the queue after the result of a request. If some taps were not
// accepted, it also returns a message about them.
func (q TapQueue) TakeResult(s SendResult) (TapQueue, string) {
	sent := q.inFlight
	q.inFlight = nil
	trouble := ""
	for i, t := range sent {
		outcome, why := s.outcome(i)
		switch {
		case outcome == client.Accepted:
			q = q.accept(t, s.Results[i].AcceptedAt)
			continue
		case outcome == client.InDoubt:
			q.InDoubt += t.Count
			trouble = "in doubt, counted or not: " + why
		case outcome == client.Refused:
			q.Refused += t.Count
			trouble = "refused: " + why
		case s.Answered.Sub(t.First) < retryTimeout:
			q.waiting = added(q.waiting, t)
			q.nextRequest = s.Answered.Add(retryDelayAfter(s.Err))
			trouble = notYet + why
		default:
			q.NotSent += t.Count
			trouble = "not sent: " + why
		}
	}
	return q, trouble
}

func retryDelayAfter(err error) time.Duration {
	if r := refusalOf(err); r != nil {
		return max(retryDelay, min(r.RetryAfter, retryTimeout))
	}
	return retryDelay
}
