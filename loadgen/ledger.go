package loadgen

import (
	"maps"
	"sync"
	"time"

	"github.com/emostream/emostream/loadgen/report"
)

// ledger is what was acknowledged, by window and emoji. The target's swarms tell
// how long a window is; until the first one has come, acknowledgements are kept
// one by one. It is safe for concurrent use.
type ledger struct {
	mu      sync.Mutex
	length  int64 // of a window, ms; 0: not known yet
	pending []acked
	counts  map[cell]int64
	doubts  map[int]int64
	dues    map[int64]map[int64]int64 // by window end: how many were due when, in units of grain
	wait    *report.Histogram         // from acceptance to the window's end
	untold  int64                     // accepted without a time
}

// grain is how exactly the due times are kept that end to end latencies are made
// of, in ms.
const grain = 5

func newLedger() *ledger {
	return &ledger{counts: map[cell]int64{}, doubts: map[int]int64{}, dues: map[int64]map[int64]int64{}, wait: report.NewHistogram()}
}

func (l *ledger) add(as []acked) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range as {
		switch {
		case a.at == 0:
			l.untold++
		case l.length == 0:
			l.pending = append(l.pending, a)
		default:
			l.book(a)
		}
	}
}

func (l *ledger) book(a acked) {
	end := a.at - a.at%l.length + l.length
	l.counts[cell{end, a.kind}]++
	due := l.dues[end]
	if due == nil {
		due = map[int64]int64{}
		l.dues[end] = due
	}
	due[a.due/(1000*grain)]++
	l.wait.Record(time.Duration(end-a.at) * time.Millisecond)
}

func (l *ledger) doubt(kinds []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range kinds {
		l.doubts[k]++
	}
}

// learn is told how long a window is; the first word holds.
func (l *ledger) learn(length int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.length > 0 || length <= 0 {
		return
	}
	l.length = length
	for _, a := range l.pending {
		l.book(a)
	}
	l.pending = nil
}

// page is a copy of what the books need.
func (l *ledger) page() (accepted map[cell]int64, inDoubt map[int]int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.counts), maps.Clone(l.doubts)
}

// endToEnd adds, for each listener that was shown a window's reactions, from the
// from-th on and before the to-th, n at a moment, the time since each was due. What
// a swarm shows more of than the one before it are the reactions that came last.
func (l *ledger) endToEnd(h *report.Histogram, end, from, to int64, shown map[int64]int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rank := int64(0)
	for _, due := range ordered(l.dues[end]) {
		n := l.dues[end][due]
		share := max(0, min(rank+n, to)-max(rank, from))
		rank += n
		if share == 0 {
			continue
		}
		for at, listeners := range shown {
			h.RecordN(time.Duration(at-due*grain-grain/2)*time.Millisecond, share*listeners)
		}
	}
}
