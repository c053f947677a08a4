package access

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
)

// People gives each user whom a token has proven an address, by which shares and limits
// tell users apart that else tell addresses apart: many people may have one address.
type People struct{ seed maphash.Seed }

// NewPeople returns addresses for users. Other ones return others.
func NewPeople() People { return People{maphash.MakeSeed()} }

// Address returns the address that stands for a user. No client has it: an IPv6 address of
// a client, as [httpserve.ClientNetwork] returns it, is ::1 or ends with 64 zero bits.
func (p People) Address(userID string) netip.Addr {
	a := [16]byte{15: userMark}
	binary.BigEndian.PutUint64(a[:], maphash.String(p.seed, userID))
	return netip.AddrFrom16(a)
}

// userMark is the last byte of every address that stands for a user. That of a client is
// 0, or 1 on loopback.
const userMark = 2

// Holder says whose shares and limits those of an address are, for refusals.
func Holder(address netip.Addr) string {
	if address.Is6() && address.As16()[15] == userMark {
		return "user"
	}
	return "address"
}
