// Package ticket signs and checks what the servers of an installation tell each other
// under a secret that they share: the tickets of streams, and heartbeats.
//
// A browser's EventSource cannot send headers, so that /register, which is shown the token,
// answers with the address of a stream that carries a ticket.
package ticket

import (
	"errors"
	"time"
)

// Ticket lets its holder listen to one channel.
type Ticket struct {
	Subject string // of the token for which it was made; empty: of a client without a token
	Channel string
	Expires time.Time
}

// Errors of Open, for errors.Is.
var (
	ErrInvalid = errors.New("the ticket is not one of this installation")
	ErrExpired = errors.New("the ticket has run out")
)

// Keys are the secrets that sign tickets and heartbeats: the first signs, all verify. Nil:
// there are none. They are safe for concurrent use.
type Keys struct{}

// Seal returns a ticket as it stands in a query.
func (k *Keys) Seal(Ticket) string { return "" }

// Open returns the ticket that Seal made, if one of the keys has signed it and it has not
// run out at now.
func (k *Keys) Open(string, time.Time) (Ticket, error) { return Ticket{}, ErrInvalid }

// Sign returns the signature of a heartbeat, which its record carries in a header.
func (k *Keys) Sign([]byte) []byte { return nil }

// Signed says whether one of the keys made a signature of a heartbeat.
func (k *Keys) Signed(value, signature []byte) bool { return false }
