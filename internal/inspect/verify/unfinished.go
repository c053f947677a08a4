package verify

import (
	"math"
	"slices"
	"time"

	"github.com/emostream/emostream/internal/stream"
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
// instead, an open reaction whose own time is before that end may be counted already, in
// the place of one that was lost. As long as there is one, it is not decided whether all
// owed reactions of its emoji were counted.
//
// Windows and reactions that are further ahead of the clock than any right ones say
// nothing of how far the job has got.
type unfinished struct {
	now     int64 // what Clock has said, ms; before, nothing is ahead of it
	written int64 // end of the newest window that was written, ms, or windowing.Never
	newest  int64 // greatest time of a reaction, ms, or windowing.Never
	// Reactions from origin on are counted in spans of length, in ms. Both are those of
	// the windows that were known when the first reaction was read; begun says that it was.
	origin, length int64
	begun          bool
}

// span holds the reactions of one emoji that may be open, from one time to another.
type span struct {
	reactions int64
	earliest  int64 // the least of the clients' own times, ms; math.MaxInt64 if none is known
}

// maxUnfinished is how much newer than all written windows a reaction may be. If one is
// still newer, the program that counts is behind or has ended, and it is not verified
// that all is well.
const maxUnfinished = time.Minute

func newUnfinished() unfinished {
	return unfinished{now: math.MaxInt64 / 2, written: windowing.Never, newest: windowing.Never}
}

// isFar says whether t, in ms, is further ahead of the clock than any right time.
func (u *unfinished) isFar(t int64) bool {
	return t > wire.LatestEnd(u.now, windowing.DefaultLateness)
}

// window notes a window that was written. It may end far ahead of the clock, if it is long
// and the program writes windows that have not ended.
func (u *unfinished) window(w wire.Window) {
	if u.isFar(w.Start) {
		return
	}
	if !u.begun && w.End > u.written {
		u.origin, u.length = w.End, w.End-w.Start
	}
	u.written = max(u.written, w.End)
}

// reaction notes a reaction, which may be open.
func (u *unfinished) reaction(c *emojiState, r stream.Record) {
	u.begun = true
	if u.length == 0 { // no window is known yet
		u.length = time.Second.Milliseconds()
	}
	if !u.isFar(r.Time) {
		u.newest = max(u.newest, r.Time)
	}
	if r.Time < u.origin {
		return
	}
	if c.spans == nil {
		c.spans = map[int64]span{}
	}
	i := (r.Time - u.origin) / u.length
	s, ok := c.spans[i]
	if !ok {
		s.earliest = math.MaxInt64
	}
	s.reactions++
	s.earliest = min(s.earliest, ownTime(r))
	c.spans[i] = s
}

// ownTime returns the time that a client gave its reaction, in ms, or math.MaxInt64 if it
// gave none that can be read. One without an offset may be of any time zone: of these it
// takes the one in which it is closest to the record's time.
func ownTime(r stream.Record) int64 {
	f, err := wire.DecodeReactionFields(r.Value)
	if err != nil {
		return math.MaxInt64
	}
	t, err := wire.ParseMoment(f.Timestamp)
	if err != nil {
		return math.MaxInt64
	}
	const most = int64(14 * time.Hour / time.Millisecond) // between UTC and a time zone
	apart := r.Time - t
	if _, err := wire.ParseMoment(append(slices.Clip(f.Timestamp), 'Z')); err == nil && -most <= apart && apart <= most {
		t += (time.Duration(apart) * time.Millisecond).Round(15 * time.Minute).Milliseconds()
	}
	return t
}

// open returns how many of an emoji's reactions are open. mixed says that by the clients'
// own times some of them are not.
func (u *unfinished) open(c *emojiState) (n int64, mixed bool) {
	if u.written == windowing.Never {
		return 0, false // a program that has never written anything is not about to finish a window
	}
	first := (u.written - u.origin) / u.length // the first span that ends after written
	for i, s := range c.spans {
		if i >= first {
			n += s.reactions
			mixed = mixed || s.earliest < u.written
		}
	}
	return n, mixed
}

// behind says whether reactions are so much newer than the written windows that these
// are not just unfinished.
func (u *unfinished) behind() bool {
	return u.written != windowing.Never && u.newest != windowing.Never && u.newest-u.written > maxUnfinished.Milliseconds()
}
