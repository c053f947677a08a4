package client

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
)

// Outcome is what is known of a reaction after it was sent.
type Outcome uint8

// The outcomes of a reaction.
const (
	Accepted   Outcome = iota // it is counted once
	Refused                   // it is not counted, and would be refused again
	NotWritten                // it is not counted, and may be sent again
	InDoubt                   // it may be counted once; if it is sent again, it may count twice
)

// AnswerOutcome returns what an answer of a main server means for the reactions of the
// request. code is from the answer's JSON, or from one item of an answer to several
// reactions. It is empty if there is none, as in the answer of a proxy.
//
// The code decides, except for status 429, which always means that nothing was read.
// Without a code that is known here the reactions are in doubt if the status is 500 or
// more, since a proxy may answer 504 after the server has taken them, below 300 but not
// 200, or 303, which says that the request was handled.
func AnswerOutcome(status int, code string) Outcome {
	if status == http.StatusTooManyRequests {
		return NotWritten
	}
	switch code {
	case "not_written", "overloaded", "rate_limited", "keys_unavailable":
		return NotWritten
	case "in_doubt":
		return InDoubt
	case "not_ready":
		return Refused
	}
	switch {
	case status == http.StatusOK && code == "":
		return Accepted
	case status >= 500, status == http.StatusSeeOther, status < 300 && code == "":
		return InDoubt
	}
	return Refused
}

// Outcome returns what is known of one reaction of a request that was answered.
func (r Result) Outcome() Outcome { return AnswerOutcome(http.StatusOK, r.Code) }

// OutcomeOf returns what is known of all reactions of a Send that returned err.
func OutcomeOf(err error) Outcome {
	if err == nil {
		return Accepted
	}
	if Unreached(err) {
		return NotWritten
	}
	if refusal, ok := errors.AsType[*RefusalError](err); ok {
		return AnswerOutcome(refusal.Status, refusal.Code)
	}
	if _, ok := errors.AsType[*SchemeError](err); ok {
		return Refused
	}
	if elsewhere, ok := errors.AsType[*RedirectError](err); ok {
		return AnswerOutcome(elsewhere.Status, "")
	}
	return InDoubt
}

// Unreached returns whether err proves that no connection to the server was made, with
// TLS if that was asked for, so that the server was sent nothing. err is of a dial, a
// handshake, or a request of a client that FollowRedirects returned.
func Unreached(err error) bool {
	dial, ok := errors.AsType[*net.OpError](err)
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	return ok && dial.Op == "dial" || noTLS || untrusted || errors.Is(err, http.ErrSchemeMismatch)
}
