package loadgen

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/emostream/emostream/loadgen/report"
)

// acknowledged counts the reactions that were accepted, by window, channel and emoji. The
// target's swarms tell how long a window is; until the first swarm arrives,
// acknowledgements are kept in pending. It is safe for concurrent use.
type acknowledged struct {
	mu           sync.Mutex
	windowLength int64 // ms; 0: not known yet
	pending      []acknowledgement
	counts       map[cell]int64
	inDoubt      map[reactionKind]int64
	dues         map[channelWindow]map[int64]int64 // number of reactions, by due time: after measuredFrom, in units of dueResolution
	windowWait   *report.Histogram                 // from acceptance to the window's end
	measuredFrom int64                             // Unix µs; latencies of what was due before are left out
}

// channelWindow is one window of one channel.
type channelWindow struct {
	channel int   // index into the channels of the run
	end     int64 // Unix ms
}

// dueResolution is the precision in µs of the due times that are kept for end-to-end
// latencies.
const dueResolution = 5000

func newAcknowledged() *acknowledged {
	return &acknowledged{counts: map[cell]int64{}, inDoubt: map[reactionKind]int64{}, dues: map[channelWindow]map[int64]int64{}, windowWait: report.NewHistogram()}
}

func (a *acknowledged) add(acks []acknowledgement) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, ack := range acks {
		switch {
		case ack.at == 0: // the target did not say when it accepted the reaction
		case a.windowLength == 0:
			a.pending = append(a.pending, ack)
		default:
			a.count(ack)
		}
	}
}

func (a *acknowledged) count(ack acknowledgement) {
	end := ack.at - ack.at%a.windowLength + a.windowLength
	a.counts[cell{end, ack.reactionKind}]++
	window := channelWindow{ack.channel, end}
	due := a.dues[window]
	if due == nil {
		due = map[int64]int64{}
		a.dues[window] = due
	}
	after := ack.due - a.measuredFrom
	if after < 0 { // unmeasured, whenever exactly
		due[-1]++
		return
	}
	due[after/dueResolution]++
	a.windowWait.Record(time.Duration(end-ack.at) * time.Millisecond)
}

// measureFrom leaves the latencies of reactions out that are due before a moment. It is
// called before any is added.
func (a *acknowledged) measureFrom(at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.measuredFrom = at.UnixMicro()
}

// addInDoubt adds one reaction in doubt for each element of kinds.
func (a *acknowledged) addInDoubt(kinds []reactionKind) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, kind := range kinds {
		a.inDoubt[kind]++
	}
}

// setWindowLength sets the length of a window in ms. The first call decides.
func (a *acknowledged) setWindowLength(length int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.windowLength > 0 || length <= 0 {
		return
	}
	a.windowLength = length
	for _, ack := range a.pending {
		a.count(ack)
	}
	a.pending = nil
}

// snapshot copies the counts that a balance needs.
func (a *acknowledged) snapshot() (accepted map[cell]int64, inDoubt map[reactionKind]int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.counts), maps.Clone(a.inDoubt)
}

// addEndToEnd adds to h the end-to-end latencies of some reactions of a window: from when
// a reaction was due to when a listener was shown it. The window's reactions are numbered
// from 0 in the order of their due times. Those with from <= number < to are added: a
// swarm with the total to contains them, and the swarm before it, with the total from,
// does not. shownAt is how many listeners were shown them at which moment, in Unix ms.
// Reactions that are not measured are left out.
func (a *acknowledged) addEndToEnd(h *report.Histogram, window channelWindow, from, to int64, shownAt map[int64]int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	number := int64(0)
	for _, due := range slices.Sorted(maps.Keys(a.dues[window])) {
		n := a.dues[window][due]
		among := max(0, min(number+n, to)-max(number, from))
		number += n
		if among == 0 || due < 0 {
			continue
		}
		dueAt := a.measuredFrom + due*dueResolution + dueResolution/2
		for at, listeners := range shownAt {
			h.RecordN(time.Duration(at*1000-dueAt)*time.Microsecond, among*listeners)
		}
	}
}
