package ingest

import (
	"net/netip"

	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/access"
)

// Parse reads a reaction. If general is set, it uses encoding/json alone. Otherwise it
// uses the fast reader where that can read the body. It returns the refusal's code and
// message, or "" if the reaction is valid.
func Parse(body string, general bool) (r wire.Reaction, count int, refusal string) {
	judge := parse
	if general {
		judge = parseAny
	}
	everybody, _ := (*access.Gate)(nil).Caller(nil)
	got, refused := judge(wholeBody, []byte(body), everybody)
	if refused != nil {
		return wire.Reaction{}, 0, refused.Code + ": " + refused.Message
	}
	return got.Reaction, got.count, ""
}

// Turns are the turns of arrays and streams.
type Turns struct{ turns *bulkTurns }

// NewTurns returns turns of which nobody has one.
func NewTurns() Turns { return Turns{newBulkTurns()} }

// AtOnce is how many turns an address has at the same time.
func (t Turns) AtOnce() int { return cap(t.turns.slots[0]) }

// Begin waits until it is the client's turn, and returns what ends it.
func (t Turns) Begin(client netip.Addr) (end func()) {
	turn := t.turns.of(client)
	turn.begin()
	return turn.end
}

// Split returns the items of a JSON array, and false if it is refused.
func Split(body []byte) ([][]byte, bool) {
	items, refusal := split(body)
	return items, refusal == nil
}
