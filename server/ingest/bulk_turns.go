package ingest

import (
	"hash/maphash"
	"net/netip"
	"runtime"

	"github.com/emostream/emostream/internal/httpserve"
)

// turnSlots is how many queues a table of turns has. Each takes about 100 bytes.
const turnSlots = 1 << 10

// bulkTurns limits how many arrays and streams of one address are worked on at the same
// time: as many as a quarter of the processors, at least one. The others of that address
// wait for their turn. Otherwise a few connections that send one array after the other,
// refused or not, would keep all processors from the single reactions of everybody else.
//
// It is a table of fixed size: two addresses of 1,024 share a queue. Addresses on
// loopback never wait. It is safe for concurrent use.
type bulkTurns struct {
	seed  maphash.Seed
	slots [turnSlots]chan struct{}
}

func newBulkTurns() *bulkTurns {
	t := &bulkTurns{seed: maphash.MakeSeed()}
	for i := range t.slots {
		t.slots[i] = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/4))
	}
	return t
}

// turn is the turn of one array or stream.
type turn struct {
	slot chan struct{} // nil: it never waits
	mine bool
}

// of returns a turn of a client, which has not begun.
func (t *bulkTurns) of(client netip.Addr) turn {
	if !httpserve.Bounded(client) {
		return turn{}
	}
	return turn{slot: t.slots[maphash.Comparable(t.seed, client)%turnSlots]}
}

// begin waits until it is the client's turn, unless it is already. Until end is called,
// the caller may only compute, and must wait for nothing.
func (t *turn) begin() {
	if t.slot != nil && !t.mine {
		t.slot <- struct{}{}
		t.mine = true
	}
}

// end lets the next one of the address have its turn.
func (t *turn) end() {
	if t.mine {
		<-t.slot
		t.mine = false
	}
}
