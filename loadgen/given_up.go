package loadgen

import (
	"context"
	"errors"
	"os"
	"time"
)

// How the report counts requests that the run itself ended before their deadlines.
const (
	interruptedKind = "interrupted" // because the run was interrupted
	givenUpKind     = "given up"    // because drain had passed
)

// failure returns the name under which the report counts a request that got no answer,
// and the least time that it counts with in the latencies.
func (s *sender) failure(ctx context.Context, err error, ended, deadline time.Time) (kind string, least time.Duration) {
	cut := errors.Is(err, os.ErrDeadlineExceeded) && ended.Before(deadline)
	switch {
	case cut && errors.Is(ctx.Err(), context.Canceled):
		return interruptedKind, 0
	case cut && ctx.Err() != nil:
		return givenUpKind, s.timeout
	}
	return errorKind(err), s.timeout
}

// untaken keeps that a connection had taken request n when sending ended, and did not
// send it.
func (s *sender) untaken(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unsent = append(s.unsent, n)
}

// giveUp is called when drain has passed. It records all that was due and not sent among
// the latencies of what failed, with the time that it had waited, and at least the
// timeout.
//
// It does not go through the schedule request by request, since there may be millions. It
// counts how many were due in a period so short that three digits of their waits are the
// same.
func (s *sender) giveUp() {
	if s.closed {
		return
	}
	length := s.schedule.Length() + s.drain
	at := s.start.Add(length)
	record := func(part int, waited time.Duration, n int64) {
		if n > 0 {
			s.gaveUp = at
			s.stats.giveUp(part, waited, n, at)
		}
	}
	for _, n := range s.unsent {
		if due, ok := s.schedule.Due(n); ok {
			record(s.parts.of(due), max(length-due, s.timeout), 1)
		}
	}
	const digits = 2000
	taken := s.next.Load()
	for part := range s.parts.ends {
		from, to := s.parts.period(part)
		for before := s.schedule.By(to); to > from && before > taken; {
			waited := max(length-to, s.timeout)
			to = max(from, length-waited-max(waited/digits, time.Microsecond))
			earlier := max(taken, s.schedule.By(to))
			record(part, waited, before-earlier)
			before = earlier
		}
	}
}
