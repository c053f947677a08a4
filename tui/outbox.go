package tui

import (
	"slices"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/text"
)

// How taps are sent.
const (
	pace        = 100 * time.Millisecond // between two requests
	retryPause  = time.Second            // after a server that did not take taps
	patience    = 15 * time.Second       // for which a tap that was not written is offered again
	mostCount   = 100                    // taps that one reaction stands for
	mostWaiting = 10_000                 // taps that may wait
	mostOwn     = 1024                   // counted taps that are remembered, by emoji and request
)

// Taps are presses of one emoji's key.
type Taps struct {
	Emoji string
	N     int
	Since time.Time // the first one
}

// Own are counted taps: in the window that holds At.
type Own struct {
	Taps
	At   int64 // ms, by the server's clock
	Seen bool  // a window that counts them was shown
}

// Outbox holds taps until the server has said what became of them. There is one
// request at a time, and a pace between two; what is tapped meanwhile waits, added
// up by emoji. Taps beyond mostWaiting are not taken: they count as unsent, as do
// those that the server did not write for longer than patience. Nothing that may
// have been written is sent again.
type Outbox struct {
	waiting, flying []Taps
	next            time.Time // of the next request, at the earliest

	// What became of the taps so far.
	Accepted, Refused, InDoubt, Unsent int

	own     []Own
	tallies []Taps // accepted, by emoji
}

// Tap is the outbox with n more taps to send, unless too many wait.
func (o Outbox) Tap(emoji string, n int, now time.Time) (Outbox, bool) {
	room := mostWaiting - o.Waiting()
	if n > room {
		o.Unsent += n - max(0, room)
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
			list[i].N += t.N
			if t.Since.Before(list[i].Since) {
				list[i].Since = t.Since
			}
			return list
		}
	}
	return append(list, t)
}

func sum(list []Taps) int {
	n := 0
	for _, t := range list {
		n += t.N
	}
	return n
}

// Waiting is how many taps were not sent yet.
func (o Outbox) Waiting() int { return sum(o.waiting) }

// Pending is how many taps have no answer yet.
func (o Outbox) Pending() int { return sum(o.waiting) + sum(o.flying) }

// PendingOf is the same for one emoji.
func (o Outbox) PendingOf(emoji string) int {
	n := 0
	for _, t := range slices.Concat(o.waiting, o.flying) {
		if t.Emoji == emoji {
			n += t.N
		}
	}
	return n
}

// AcceptedOf is how many taps of one emoji were counted.
func (o Outbox) AcceptedOf(emoji string) int {
	for _, t := range o.tallies {
		if t.Emoji == emoji {
			return t.N
		}
	}
	return 0
}

// Due is the request to be made now, if there is one: its answer must come back.
func (o Outbox) Due(now time.Time) (Outbox, []Taps) {
	if len(o.waiting) == 0 || len(o.flying) > 0 || now.Before(o.next) {
		return o, nil
	}
	o.flying = nil
	for _, t := range o.waiting {
		for ; t.N > mostCount; t.N -= mostCount {
			o.flying = append(o.flying, Taps{t.Emoji, mostCount, t.Since})
		}
		o.flying = append(o.flying, t)
	}
	o.waiting, o.next = nil, now.Add(pace)
	return o, o.flying
}

// Sent is what became of a request.
type Sent struct {
	Outcomes        []client.Result
	Err             error
	Asked, Answered time.Time
}

// outcome is that of the i-th reaction.
func (s Sent) outcome(i int) (client.Outcome, string) {
	switch {
	case s.Err != nil:
		return client.OutcomeOf(s.Err), essence(reason(s.Err))
	case i >= len(s.Outcomes):
		return client.InDoubt, "the server did not say"
	}
	return s.Outcomes[i].Outcome(), essence(text.CleanCells(s.Outcomes[i].Message))
}

// essence is the cause that a server's message names: what stands before it and what
// to do, the view says itself, in less room.
func essence(message string) string {
	_, cause, ok := strings.Cut(message, ", because ")
	if !ok {
		return message
	}
	cause, _, _ = strings.Cut(cause, ": ")
	return cause
}

// notYet begins what is said of taps that will be sent again.
const notYet = "not taken yet: "

// Answered is the outbox after an answer, and what there is to say of taps that
// were not counted.
func (o Outbox) Answered(s Sent) (Outbox, string) {
	flying := o.flying
	o.flying = nil
	trouble := ""
	for i, t := range flying {
		outcome, why := s.outcome(i)
		switch {
		case outcome == client.Accepted:
			o = o.accepted(t, s.Outcomes[i].AcceptedAt)
			continue
		case outcome == client.InDoubt:
			o.InDoubt += t.N
			trouble = "in doubt, counted or not: " + why
		case outcome == client.Refused:
			o.Refused += t.N
			trouble = "refused: " + why
		case s.Answered.Sub(t.Since) < patience:
			o.waiting = added(o.waiting, t)
			o.next = s.Answered.Add(pauseAfter(s.Err))
			trouble = notYet + why
		default:
			o.Unsent += t.N
			trouble = "not sent: " + why
		}
	}
	return o, trouble
}

func pauseAfter(err error) time.Duration {
	if r := refusalOf(err); r != nil {
		return max(retryPause, min(r.RetryAfter, patience))
	}
	return retryPause
}

func (o Outbox) accepted(t Taps, at time.Time) Outbox {
	o.Accepted += t.N
	o.tallies = added(o.tallies, t)
	o.own = append(slices.Clip(o.own[max(0, len(o.own)-mostOwn+1):]), Own{Taps: t, At: at.UnixMilli()})
	return o
}

// Own is how many taps of each emoji were counted from start on and before end.
func (o Outbox) Own(start, end int64) []Taps {
	var list []Taps
	for _, t := range o.own {
		if start <= t.At && t.At < end {
			list = added(list, t.Taps)
		}
	}
	return list
}

// Seen marks the taps that shown says are on the screen, and returns how long each
// took from the key to there.
func (o Outbox) Seen(now time.Time, shown func(Own) bool) (Outbox, []time.Duration) {
	var took []time.Duration
	for i, t := range o.own {
		if t.Seen || !shown(t) {
			continue
		}
		if took == nil {
			o.own = slices.Clone(o.own)
		}
		o.own[i].Seen = true
		took = append(took, now.Sub(t.Since))
	}
	return o, took
}
