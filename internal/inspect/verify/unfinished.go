package verify

import (
	"time"

	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// unfinished tells the reactions that another program may not have written yet from
// those that it has lost, where only totals are compared.
//
// A Spark job in append mode writes a window only after reactions have come that are
// newer by its watermark's delay. So its last windows are not written before somebody
// taps later, and perhaps never. It writes windows in the order of their ends: what came
// before the end of the newest window that was written belongs into a written one and is
// owed. Later reactions are open.
//
// The time of a reaction's record decides here. If the job goes by the clients' own times
// instead, some of the later reactions are counted already. Then their numbers cannot be
// told from those of reactions that were lost, and the verdict is undecided.
type unfinished struct {
	written int64 // end of the newest window that was written, ms, or windowing.Never
	newest  int64 // greatest time of a reaction, ms
	// Reactions from origin on are counted in spans of length, in ms. Both are those of
	// the windows that were known when the first reaction was read.
	origin, length int64
}

// maxUnfinished is how much newer than all written windows a reaction may be. If one is
// still newer, the program that counts is behind or has ended, and it is not verified
// that all is well.
const maxUnfinished = time.Minute

func newUnfinished() unfinished {
	return unfinished{written: windowing.Never, newest: windowing.Never}
}

// window notes a window that was written.
func (u *unfinished) window(w wire.Window) {
	if u.newest == windowing.Never && w.End > u.written {
		u.origin, u.length = w.End, w.End-w.Start
	}
	u.written = max(u.written, w.End)
}

// reaction notes a reaction, which may be open.
func (u *unfinished) reaction(c *emojiState, t int64) {
	if u.length == 0 { // no window is known yet
		u.length = time.Second.Milliseconds()
	}
	u.newest = max(u.newest, t)
	if t < u.origin {
		return
	}
	if c.spans == nil {
		c.spans = map[int64]int64{}
	}
	c.spans[(t-u.origin)/u.length]++
}

// open returns how many of an emoji's reactions are open.
func (u *unfinished) open(c *emojiState) (n int64) {
	if u.written == windowing.Never {
		return 0 // a program that has never written anything is not about to finish a window
	}
	for span, reactions := range c.spans {
		if u.origin+(span+1)*u.length > u.written {
			n += reactions
		}
	}
	return n
}

// behind says whether reactions are so much newer than the written windows that these
// are not just unfinished.
func (u *unfinished) behind() bool {
	return u.written != windowing.Never && u.newest-u.written > maxUnfinished.Milliseconds()
}
