package client

import (
	"errors"
	"net"
	"net/http"
)

// Fate is what is certain of a reaction that was sent.
type Fate uint8

// The fates of a reaction.
const (
	Accepted   Fate = iota // it is counted, once
	Refused                // it is not counted, and would be refused again
	NotWritten             // it is not counted, and may be sent again
	InDoubt                // it may be counted, once; sent again, it may count twice
)

// Fate is what is certain after an outcome.
func (o Outcome) Fate() Fate {
	switch o.Code {
	case "":
		return Accepted
	case "not_written", "overloaded", "rate_limited":
		return NotWritten
	case "in_doubt":
		return InDoubt
	}
	return Refused
}

// FateOf is what is certain of all reactions of a Send that returned err. An
// error of somebody between, as a proxy's 502, says nothing of what came of them.
func FateOf(err error) Fate {
	refused := (*Refusal)(nil)
	switch {
	case err == nil:
		return Accepted
	case Unreached(err):
		return NotWritten
	case !errors.As(err, &refused):
		return InDoubt
	case refused.Status == http.StatusTooManyRequests:
		return NotWritten
	case refused.Status >= 500 && refused.Code == "":
		return InDoubt
	}
	return Outcome{Code: refused.code()}.Fate()
}

// code is the refusal's own, or one that is as certain.
func (r *Refusal) code() string {
	if r.Code == "" {
		return "refused"
	}
	return r.Code
}

// Unreached says whether an error proves that the server was not even reached.
func Unreached(err error) bool {
	dial := (*net.OpError)(nil)
	return errors.As(err, &dial) && dial.Op == "dial"
}
