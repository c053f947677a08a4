package sse

import (
	"errors"
	"strconv"
	"time"
)

// What a listener does after its connection ended is decided here, for [Client] and
// for the load generator's listeners alike.

// maxRetry bounds what a server can ask for with retry: or Retry-After, so that a
// slip of its keyboard does not silence a listener for a year.
const maxRetry = time.Hour

// Reconnect connects a listener once: to before, where it was connected last, or
// when that server does not take it back, at once to where locate says. A server
// that refuses and says for how long is obeyed: the listener is not sent elsewhere
// until that time is over. The zero value of before is nowhere.
//
// Connect says whether the server took the listener, and why the connection ended or
// was not made. Reconnect returns the last such error, or that of locate.
func Reconnect[Place comparable](before Place, connect func(Place) (taken bool, err error), locate func() (Place, error)) error {
	var nowhere Place
	var refused error
	if before != nowhere {
		taken, err := connect(before)
		if taken || retryAfter(err) > 0 {
			return err
		}
		refused = err
	}
	place, err := locate()
	if err != nil {
		return err
	}
	if place == before {
		return refused
	}
	_, err = connect(place)
	return err
}

// Backoff is how long a listener waits before it connects again, after a connection
// that ended with err: retry, doubled up to maxBackoff with each refusal in a row
// after the first, but no less than retry, nor than a Retry-After that came with the
// refusal. It is prolonged at random by up to a half, so that the listeners of a dead
// server do not all come back at once; random(n) is a number from 0 to n-1.
func Backoff(err error, retry, maxBackoff time.Duration, refusals int, random func(n int64) int64) time.Duration {
	doublings := min(max(refusals-1, 0), 20) // 20: an hour still fits
	wait := max(retry, min(retry<<doublings, maxBackoff), retryAfter(err))
	return wait + time.Duration(random(int64(wait/2)+1))
}

// retryAfter is the Retry-After of a refusal, up to an hour; 0: there is none.
func retryAfter(err error) time.Duration {
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		return min(refused.RetryAfter, maxRetry)
	}
	return 0
}

// RetryAfter reads a Retry-After header in seconds, up to an hour; 0: it says
// nothing, or a date.
func RetryAfter(header string) time.Duration {
	s, err := strconv.Atoi(header)
	if err != nil {
		return 0
	}
	return time.Duration(min(max(s, 0), int(maxRetry/time.Second))) * time.Second
}
