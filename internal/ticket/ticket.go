// Package ticket signs and checks what the servers of an installation tell each other
// under a secret that they share: the tickets of streams, and heartbeats.
//
// A browser's EventSource cannot send headers, so that /register, which is shown the token,
// answers with the address of a stream that carries a ticket.
package ticket

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"
)

// Ticket lets its holder listen to one channel.
type Ticket struct {
	Channel string
	Subject string // of the token for which it was made; empty: of a client without a token
	Expires time.Time
}

// Opened is what a subscriber server reads in a ticket. The subject itself does not stand
// in it, since addresses of streams may come into the logs of proxies.
type Opened struct {
	Channel string
	Expires time.Time
	Holder  [holderSize]byte // stands for the subject: it has the same in all of its tickets, as long as the key is the same

	key *key
}

// IsFor says whether the ticket was made for a subject.
func (o Opened) IsFor(subject string) bool {
	return hmac.Equal(o.Holder[:], o.key.mac(forHolder, []byte(subject))[:holderSize])
}

// Errors of Open, for errors.Is.
var (
	ErrInvalid = errors.New("the ticket is not one of this installation")
	ErrExpired = errors.New("the ticket has run out")
)

// A ticket is, in base64 for URLs without padding: the version, the time at which it
// expires in ms, the holder, the channel, and the signature of all this.
const (
	version       = 1
	timeSize      = 8
	holderSize    = 16
	signatureSize = 16
	channelAt     = 1 + timeSize + holderSize
	maxChannel    = 64
	maxTicket     = channelAt + maxChannel + signatureSize
)

// encoding is how the bytes of a ticket are written. Each ticket has one text only.
var encoding = base64.RawURLEncoding.Strict() //nolint:gochecknoglobals // a constant

// Seal returns a ticket as it stands in a query.
func (k *Keys) Seal(t Ticket) string {
	signs := k.all()[0]
	b := append(make([]byte, 0, maxTicket), version)
	b = binary.BigEndian.AppendUint64(b, uint64(t.Expires.UnixMilli()))
	b = append(b, signs.mac(forHolder, []byte(t.Subject))[:holderSize]...)
	b = append(b, t.Channel...)
	b = append(b, signs.mac(forTicket, b)[:signatureSize]...)
	return encoding.EncodeToString(b)
}

// Open returns what stands in a ticket that Seal made, if one of the keys has signed it and
// it has not run out at now. The error is [ErrInvalid] or [ErrExpired].
func (k *Keys) Open(ticket string, now time.Time) (Opened, error) {
	if len(ticket) > encoding.EncodedLen(maxTicket) {
		return Opened{}, ErrInvalid
	}
	b, err := encoding.DecodeString(ticket)
	if err != nil || len(b) < channelAt+signatureSize || len(ticket) != encoding.EncodedLen(len(b)) || b[0] != version {
		return Opened{}, ErrInvalid
	}
	signed, signature := b[:len(b)-signatureSize], b[len(b)-signatureSize:]
	for _, key := range k.all() {
		if !hmac.Equal(signature, key.mac(forTicket, signed)[:signatureSize]) {
			continue
		}
		o := Opened{Channel: string(signed[channelAt:]), Expires: time.UnixMilli(int64(binary.BigEndian.Uint64(signed[1:]))), key: key}
		copy(o.Holder[:], signed[1+timeSize:])
		if !now.Before(o.Expires) {
			return Opened{}, ErrExpired
		}
		return o, nil
	}
	return Opened{}, ErrInvalid
}

// Lifetime is how long a ticket is good for at most, and a stream that was opened with a
// token.
const Lifetime = 15 * time.Minute

// Expiry returns when a ticket that is made at now runs out: after Lifetime, but not after
// its token (zero: there is none), less up to a fifth. The fifth is drawn with random, which
// returns a number from 0 to n-1, so that those who came together do not all come back
// together.
func Expiry(now, token time.Time, random func(n int64) int64) time.Time {
	left := Lifetime
	if !token.IsZero() {
		left = max(0, min(left, token.Sub(now)))
	}
	return now.Add(left - time.Duration(random(int64(left/5)+1)))
}
