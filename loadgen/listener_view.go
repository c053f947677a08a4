package loadgen

import (
	"slices"
	"sync"
	"time"
)

// listenerView records what one listener was shown: the revision with the greatest
// total of each window, or the markers of another service.
type listenerView struct {
	part int // the channel or the stream that the listener listens to: an index into those of the run

	mu        sync.Mutex
	asked     int64       // when the listener first asked for a stream that it got, Unix µs
	since     int64       // when the listener first connected, Unix ms; 0: never
	liveSince int64       // when the listener last connected, Unix ms
	base      int64       // the end of the first window in greatest
	greatest  []*revision // one for each window from base on; nil: none was shown

	markers numberSet
}

// connected notes when the listener asked for a stream, and when it was connected.
func (v *listenerView) connected(asked, at time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.liveSince = at.UnixMilli()
	if v.since == 0 {
		v.asked, v.since = asked.UnixMicro(), v.liveSince
	}
}

// maxSlots is how many windows a view may hold: those of 24 days, at 2 s each.
const maxSlots = 1 << 20

// makeSlot returns the index in greatest of the window that ends at end, and makes room
// for it. It returns -1 if end does not fit windows of the given length, or is too far
// from the others: a server that shows a window of another year must not end the run.
func (v *listenerView) makeSlot(end, length int64) int {
	if len(v.greatest) == 0 {
		v.base = end
	}
	if (end-v.base)%length != 0 {
		return -1
	}
	far := (end - v.base) / length
	if far >= maxSlots || far < int64(len(v.greatest))-maxSlots {
		return -1
	}
	i := int(far)
	if i < 0 {
		v.greatest = slices.Insert(v.greatest, 0, make([]*revision, -i)...)
		v.base, i = end, 0
	}
	if n := i + 1 - len(v.greatest); n > 0 {
		v.greatest = append(v.greatest, make([]*revision, n)...)
	}
	return i
}

// of returns the revision with the greatest total that was shown of a window, or nil if
// none was shown.
func (v *listenerView) of(end, length int64) *revision {
	if length == 0 || len(v.greatest) == 0 || end < v.base || (end-v.base)%length != 0 {
		return nil
	}
	if i := int((end - v.base) / length); i < len(v.greatest) {
		return v.greatest[i]
	}
	return nil
}
