package httpserve

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
)

// shareSlots is how many counts a table of shares has. Each takes 8 bytes.
const shareSlots = 1 << 14

// Shares bounds how much of something limited each client may hold at one time, such as
// requests in flight: a share of all there is, so that one client cannot take what is
// there for everybody. A client is what ClientNetwork returns for its address.
//
// It is a table of fixed size. An address counts in the slot that a random hash gives
// it, so two addresses of 16,384 share one slot. Addresses on loopback are not bounded:
// a proxy or a load generator beside the server speaks for many. It is safe for
// concurrent use.
type Shares struct {
	limit int64
	seed  maphash.Seed
	held  [shareSlots]atomic.Int64
}

// NewShares returns a table in which each client may hold limit.
func NewShares(limit int64) *Shares {
	return &Shares{limit: limit, seed: maphash.MakeSeed()}
}

// Quarter returns the share of one client: a quarter of all there is, but at least 1.
func Quarter[N int | int64](all N) N { return max(1, all/4) }

// Take counts n more as held by a client, and returns true. If the client would then
// hold more than its share, Take counts nothing and returns false.
func (s *Shares) Take(client netip.Addr, n int64) bool {
	if !Bounded(client) {
		return true
	}
	slot := s.slot(client)
	if slot.Add(n) > s.limit {
		slot.Add(-n)
		return false
	}
	return true
}

// Give counts n less as held by a client.
func (s *Shares) Give(client netip.Addr, n int64) {
	if Bounded(client) {
		s.slot(client).Add(-n)
	}
}

// Held returns how much a client holds.
func (s *Shares) Held(client netip.Addr) int64 {
	if !Bounded(client) {
		return 0
	}
	return s.slot(client).Load()
}

func (s *Shares) slot(client netip.Addr) *atomic.Int64 {
	return &s.held[maphash.Comparable(s.seed, ClientNetwork(client))%shareSlots]
}

// Bounded says whether a client is bounded by shares. It is not if its address is on
// loopback or not known.
func Bounded(client netip.Addr) bool { return client.IsValid() && !client.IsLoopback() }
