package fanout

import "runtime/debug"

// wave notices when many clients have come or gone and there is calm again. What
// net/http needs for a request is many times what a stream keeps: after a crowd has
// come, most of the process is memory that nobody uses, and the runtime would be
// minutes in giving it back.
type wave struct {
	seen, done int64 // clients that had come and gone when it last looked, and last tidied up
}

const (
	crowd = 2000 // clients that are a wave
	calm  = 100  // clients a second that are none
)

// tidy is called every second with the number of clients that ever came and went.
func (w *wave) tidy(moves int64) {
	recent := moves - w.seen
	w.seen = moves
	if recent < calm && moves-w.done >= crowd {
		w.done = moves
		debug.FreeOSMemory()
	}
}
