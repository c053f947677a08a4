package sse

import (
	"errors"
	"net/http"
	"strconv"
	"time"
)

// This file decides what a listener does after its connection ended, for [Client] and
// for the load generator's listeners alike.

// maxRetry is the longest wait that a server can ask for with retry: or Retry-After. A
// mistyped value must not silence a listener for a year.
const maxRetry = time.Hour

// Reconnect connects a listener once. It tries before first, the place where the
// listener was connected last; the zero value means that there is none. If that server
// does not take it back, Reconnect at once tries the place that locate returns, which it
// tells why; nil: nothing was tried. But if the server refused with Retry-After, it does
// not try another place.
//
// connect returns whether the server took the listener, and why the connection ended or
// was not made. Reconnect returns the error of the last call of connect or locate.
func Reconnect[Place comparable](before Place, connect func(Place) (taken bool, err error), locate func(refused error) (Place, error)) error {
	var nowhere Place
	var refused error
	if before != nowhere {
		taken, err := connect(before)
		if taken || retryAfter(err) > 0 {
			return err
		}
		refused = err
	}
	place, err := locate(refused)
	if err != nil {
		return err
	}
	if place == before {
		return refused
	}
	_, err = connect(place)
	return err
}

// HasFailed says whether a server that did not take a listener, and why, should be avoided.
// One that does not know the listener has not failed: its ticket has run out.
func HasFailed(why error) bool {
	refused, ok := errors.AsType[*RefusedError](why)
	return !ok || refused.Status != http.StatusUnauthorized && refused.Status != http.StatusForbidden
}

// Backoff returns how long a listener waits before it connects again after a connection
// that ended with err. The wait is retry, doubled with each refusal in a row after the
// first, up to maxBackoff; but never less than retry, nor than the Retry-After of the
// refusal. It is then prolonged at random by up to a half, so that the listeners of a
// dead server do not all come back at once. random(n) returns a number from 0 to n-1.
func Backoff(err error, retry, maxBackoff time.Duration, refusals int, random func(n int64) int64) time.Duration {
	doublings := min(max(refusals-1, 0), 20) // an hour, doubled 20 times, still fits in a Duration
	wait := max(retry, min(retry<<doublings, maxBackoff), retryAfter(err))
	return wait + time.Duration(random(int64(wait/2)+1))
}

// retryAfter returns the RetryAfter of a *RefusedError, up to an hour. 0 means that
// there is none.
func retryAfter(err error) time.Duration {
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		return min(refused.RetryAfter, maxRetry)
	}
	return 0
}

// RetryAfter parses a Retry-After header in seconds, up to an hour. It returns 0 if the
// header is missing or holds a date.
func RetryAfter(header string) time.Duration {
	s, err := strconv.Atoi(header)
	if err != nil {
		return 0
	}
	return time.Duration(min(max(s, 0), int(maxRetry/time.Second))) * time.Second
}
