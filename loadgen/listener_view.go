package loadgen

import (
	"slices"
	"sync"
	"time"
)

// listenerView is what one listener was shown: of each window the revision with the
// greatest total, or, of another service, which markers.
type listenerView struct {
	mu        sync.Mutex
	since     int64       // when it first connected, Unix ms; 0: never
	liveSince int64       // when it connected last, Unix ms
	base      int64       // the end of the first window in greatest
	greatest  []*revision // one window after the other; nil: none was shown

	markers numberSet
}

// connected notes a new connection.
func (v *listenerView) connected(at time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.liveSince = at.UnixMilli()
	if v.since == 0 {
		v.since = v.liveSince
	}
}

// makeSlot returns the place of a window in greatest, and makes room for it; below 0:
// it has none, since it does not fit the windows of that length.
func (v *listenerView) makeSlot(end, length int64) int {
	if len(v.greatest) == 0 {
		v.base = end
	}
	if (end-v.base)%length != 0 {
		return -1
	}
	i := int((end - v.base) / length)
	if i < 0 {
		v.greatest = slices.Insert(v.greatest, 0, make([]*revision, -i)...)
		v.base, i = end, 0
	}
	if n := i + 1 - len(v.greatest); n > 0 {
		v.greatest = append(v.greatest, make([]*revision, n)...)
	}
	return i
}

// of returns the revision of a window that has the greatest total; nil: none was shown.
func (v *listenerView) of(end, length int64) *revision {
	if length == 0 || len(v.greatest) == 0 || end < v.base || (end-v.base)%length != 0 {
		return nil
	}
	if i := int((end - v.base) / length); i < len(v.greatest) {
		return v.greatest[i]
	}
	return nil
}
