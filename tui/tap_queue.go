package tui

import (
	"slices"
	"time"

	"github.com/emostream/emostream/internal/client"
)

// How taps are sent.
const (
	requestInterval  = 100 * time.Millisecond // between two requests
	retryDelay       = time.Second            // after a server that did not take taps
	retryTimeout     = 15 * time.Second       // for which a tap that was not written is offered again
	maxReactionCount = 100                    // taps that one reaction stands for
	maxWaiting       = 10_000                 // taps that may wait
	maxOwn           = 1024                   // counted taps that are remembered, by emoji and request
)

// Taps are presses of one emoji's key.
type Taps struct {
	Emoji string
	Count int
	First time.Time // the first one
}

// Outbox holds taps until the server has said what became of them. There is one
// request at a time, and a pace between two; what is tapped meanwhile waits, added
// up by emoji. Taps beyond mostWaiting are not taken: they count as unsent, as do
// those that the server did not write for longer than patience. Nothing that may
// have been written is sent again.
type TapQueue struct {
	waiting, inFlight []Taps
	nextRequest       time.Time // of the next request, at the earliest

	// What became of the taps so far.
	Accepted, Refused, InDoubt, NotSent int

	own             []OwnTaps
	acceptedByEmoji []Taps // accepted, by emoji
}

// Tap is the outbox with n more taps to send, unless too many wait.
func (o TapQueue) Tap(emoji string, n int, now time.Time) (TapQueue, bool) {
	room := maxWaiting - o.Waiting()
	if n > room {
		o.NotSent += n - max(0, room)
	}
	if room <= 0 {
		return o, false
	}
	o.waiting = added(o.waiting, Taps{emoji, min(n, room), now})
	return o, n <= room
}

// added is a list with taps added to those of the same emoji.
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

// Waiting is how many taps were not sent yet.
func (o TapQueue) Waiting() int { return sum(o.waiting) }

// Pending is how many taps have no answer yet.
func (o TapQueue) Pending() int { return sum(o.waiting) + sum(o.inFlight) }

// PendingOf is the same for one emoji.
func (o TapQueue) PendingOf(emoji string) int {
	n := 0
	for _, t := range slices.Concat(o.waiting, o.inFlight) {
		if t.Emoji == emoji {
			n += t.Count
		}
	}
	return n
}

// AcceptedOf is how many taps of one emoji were counted.
func (o TapQueue) AcceptedOf(emoji string) int {
	for _, t := range o.acceptedByEmoji {
		if t.Emoji == emoji {
			return t.Count
		}
	}
	return 0
}

// Due is the request to be made now, if there is one: its answer must come back.
func (o TapQueue) NextRequest(now time.Time) (TapQueue, []Taps) {
	if len(o.waiting) == 0 || len(o.inFlight) > 0 || now.Before(o.nextRequest) {
		return o, nil
	}
	o.inFlight = nil
	for _, t := range o.waiting {
		for ; t.Count > maxReactionCount; t.Count -= maxReactionCount {
			o.inFlight = append(o.inFlight, Taps{t.Emoji, maxReactionCount, t.First})
		}
		o.inFlight = append(o.inFlight, t)
	}
	o.waiting, o.nextRequest = nil, now.Add(requestInterval)
	return o, o.inFlight
}

// notYet begins what is said of taps that will be sent again.
const notYet = "not taken yet: "

// Answered is the outbox after an answer, and what there is to say of taps that
// were not counted.
func (o TapQueue) TakeResult(s SendResult) (TapQueue, string) {
	flying := o.inFlight
	o.inFlight = nil
	trouble := ""
	for i, t := range flying {
		outcome, why := s.outcome(i)
		switch {
		case outcome == client.Accepted:
			o = o.accept(t, s.Results[i].AcceptedAt)
			continue
		case outcome == client.InDoubt:
			o.InDoubt += t.Count
			trouble = "in doubt, counted or not: " + why
		case outcome == client.Refused:
			o.Refused += t.Count
			trouble = "refused: " + why
		case s.Answered.Sub(t.First) < retryTimeout:
			o.waiting = added(o.waiting, t)
			o.nextRequest = s.Answered.Add(retryDelayAfter(s.Err))
			trouble = notYet + why
		default:
			o.NotSent += t.Count
			trouble = "not sent: " + why
		}
	}
	return o, trouble
}

func retryDelayAfter(err error) time.Duration {
	if r := refusalOf(err); r != nil {
		return max(retryDelay, min(r.RetryAfter, retryTimeout))
	}
	return retryDelay
}
