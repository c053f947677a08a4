package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/sleep"
)

// sendReport counts what became of the reactions.
type sendReport struct {
	Accepted int    `json:"accepted"`
	Rejected int    `json:"rejected"`
	InDoubt  int    `json:"in_doubt"`
	Unsent   int    `json:"unsent"`             // never reached the server
	Unread   int    `json:"unread,omitempty"`   // were on stdin behind the first that was not sent
	AndMore  bool   `json:"and_more,omitempty"` // on stdin there may be more than Unread
	Reason   string `json:"reason,omitempty"`   // why the first one was not accepted
}

// String tells what became of them, and not why.
func (r sendReport) String() string {
	s := fmt.Sprintf("%d accepted", r.Accepted)
	if r.Rejected > 0 {
		s += fmt.Sprintf(", %d refused", r.Rejected)
	}
	if r.InDoubt > 0 {
		s += fmt.Sprintf(", %d in doubt", r.InDoubt)
	}
	if r.Unsent > 0 {
		s += fmt.Sprintf(", %d not sent", r.Unsent)
	}
	switch {
	case r.AndMore && r.Unread > 0:
		s += fmt.Sprintf(", at least %d not read", r.Unread)
	case r.Unread > 0:
		s += fmt.Sprintf(", %d not read", r.Unread)
	}
	return s
}

// sender sends reactions in the order in which their emojis were given.
type sender struct {
	flags  *sendFlags
	client *client.Client
	report sendReport

	mu      sync.Mutex
	last    time.Time // accepted_at of the last reaction
	allSent bool      // nothing more will be sent
}

// A request stays within the limits of the server.
const (
	maxItems = 500 // entries
	maxCount = 100 // reactions that an entry stands for
)

// lastAccepted returns when the last reaction was accepted; zero until all were sent.
func (s *sender) lastAccepted() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.allSent {
		return time.Time{}
	}
	return s.last
}

func (s *sender) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.allSent = true
}

// sendAll sends each emoji as often as --count says, at the rate of --rate. Reactions
// are due at times that are counted from the start, so that a slow answer does not
// lower the rate. All that a word stands for is counted, also if sending fails before.
func (s *sender) sendAll(ctx context.Context, next func() (string, error, bool)) error {
	start, sent := time.Now(), 0
	var batch []client.Reaction
	for {
		word, err, more := next()
		if err != nil {
			s.report.Unsent += reactionCount(batch)
			return err
		}
		if !more {
			return s.send(ctx, batch)
		}
		for left := s.flags.count; left > 0; {
			n := min(left, maxCount)
			if s.flags.rate > 0 {
				n = 1
				due := start.Add(time.Duration(float64(sent) / s.flags.rate * float64(time.Second)))
				if err := sleep.Until(ctx, due); err != nil {
					s.report.Unsent += left
					return err
				}
			}
			batch = append(batch, client.Reaction{UserID: s.client.UserID, Emoji: word, Channel: s.flags.channel, Count: n})
			left, sent = left-n, sent+n
			if len(batch) == maxItems || s.flags.rate > 0 {
				if err := s.send(ctx, batch); err != nil {
					s.report.Unsent += left
					return err
				}
				batch = batch[:0]
			}
		}
	}
}

// countRest counts the words that are left after sending failed. Those of stdin were not
// read before.
func (s *sender) countRest(next func() (string, error, bool), stdin bool) {
	rest := &s.report.Unsent
	if stdin {
		rest = &s.report.Unread
	}
	for {
		_, err, more := next()
		if err != nil || !more {
			s.report.AndMore = err != nil
			return
		}
		*rest += s.flags.count
	}
}

// retryFor is how long reactions that were certainly not written are sent again.
const retryFor = 15 * time.Second

// send sends a batch and counts the outcomes.
func (s *sender) send(ctx context.Context, batch []client.Reaction) error {
	if len(batch) == 0 {
		return nil
	}
	outcomes, err := s.client.Send(ctx, batch)
	for give := time.Now().Add(retryFor); client.OutcomeOf(err) == client.NotWritten && !client.Unreached(err) && time.Now().Before(give); {
		if err := sleep.For(ctx, time.Second); err != nil {
			s.report.Unsent += reactionCount(batch)
			return err
		}
		outcomes, err = s.client.Send(ctx, batch)
	}
	if err != nil {
		n := reactionCount(batch)
		switch outcome := client.OutcomeOf(err); {
		case client.Unreached(err):
			s.report.Unsent += n
		case outcome == client.InDoubt:
			s.report.InDoubt += n
		default:
			s.report.Rejected += n
		}
		return err
	}
	for i, o := range outcomes {
		n := max(1, batch[i].Count)
		switch o.Outcome() {
		case client.Accepted:
			s.report.Accepted += n
			s.mu.Lock()
			s.last = o.AcceptedAt
			s.mu.Unlock()
			continue
		case client.InDoubt:
			s.report.InDoubt += n
		case client.Refused, client.NotWritten:
			s.report.Rejected += n
		}
		if s.report.Reason == "" {
			s.report.Reason = o.Message
		}
	}
	return nil
}

// reactionCount returns how many reactions a batch stands for.
func reactionCount(batch []client.Reaction) int {
	n := 0
	for _, r := range batch {
		n += max(1, r.Count)
	}
	return n
}
