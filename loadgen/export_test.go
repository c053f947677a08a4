package loadgen

import (
	"encoding/json"
	"io"
	"slices"
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// What tests of the package's pure parts use of it.

// ReadAnswers reads answers from a connection until one is an error.
func ReadAnswers(from io.Reader) (status []int, bodies []string, keep []bool, err error) {
	r := responseReader{from: from}
	for {
		a, err := r.next()
		if err != nil {
			return status, bodies, keep, err
		}
		status, bodies, keep = append(status, a.status), append(bodies, string(a.body)), append(keep, a.keepAlive)
		if !a.keepAlive {
			return status, bodies, keep, nil
		}
	}
}

// Errors of answers.
var (
	ErrMalformed = errMalformed
	ErrClosed    = errClosed
)

// Unchunk takes the chunk lines out of pieces of a body.
func Unchunk(pieces ...[]byte) (body string, done bool, err error) {
	var c chunkDecoder
	for _, p := range pieces {
		out, used, err := c.decode(slices.Clone(p))
		if err != nil {
			return body, c.done, err
		}
		body += string(out)
		if c.done && used < len(p) {
			break
		}
	}
	return body, c.done, nil
}

// Cut splits a stream into its frames and what is left of it.
func Cut(stream string) (frames []string, rest string) {
	b := []byte(stream)
	for {
		first, after, ok := cutFrame(b)
		if !ok {
			return frames, string(b)
		}
		frames, b = append(frames, string(first)), after
	}
}

// Cell is one emoji in one window.
type Cell struct {
	End  int64
	Kind int
}

// Balance is the books of what was accepted, counted and in doubt.
func Balance(accepted, counted map[Cell]int64, inDoubt map[int]int64) (lost, doubled, shifted int64, off int) {
	cells := func(m map[Cell]int64) map[cell]int64 {
		out := map[cell]int64{}
		for c, n := range m {
			out[cell{c.End, c.Kind}] = n
		}
		return out
	}
	b := balanceOf(cells(accepted), cells(counted), inDoubt)
	return b.lost, b.doubled, b.shifted, len(b.unbalanced)
}

// Hunt looks for the greatest rate that holds, and returns all that it tried.
func Hunt(first, most, within float64, holds func(float64) bool) []float64 {
	h := newRateSearch(first, most, within)
	var tried []float64
	for h.rate > 0 && len(tried) < maxSearchSteps {
		tried = append(tried, h.rate)
		h.record(holds(h.rate))
	}
	return tried
}

// Mix is who sends what.
func Mix(seed uint64, users, kinds int) (of func(int64) (user, kind int), emojis []string) {
	m := newReactionMix(seed, users, kinds)
	return m.userAndEmoji, m.emojis
}

// LeavesWithout is how many windows, and how many events of another service, a
// listener lacks that leaves: another one is shown one, so long after it ended or
// was due, and it leaves so long after that.
func LeavesWithout(late, after time.Duration) (windows, events int64, err error) {
	m, err := newShownMarkers("", "run")
	if err != nil {
		return 0, 0, err
	}
	s := newShownSwarms("c", nil, func(int64) {})
	began := time.Unix(1_000_000, 0)
	view := func() *listenerView {
		v := &listenerView{}
		v.connected(began)
		return v
	}
	stays, leaves := view(), view()
	end := began.Add(time.Second)
	data, err := json.Marshal(wire.Swarm{Channel: "c", Window: wire.Window{Start: began.UnixMilli(), End: end.UnixMilli()}, Total: 1})
	if err != nil {
		return 0, 0, err
	}
	f := &event{firstSeen: end.Add(late), markers: []int64{0}}
	s.decode(f, "swarm", data)
	m.expect(0, end)
	s.received(stays, f, f.firstSeen)
	m.received(stays, f, f.firstSeen)
	until := f.firstSeen.Add(after - deliveryAllowance).UnixMilli()
	windows, _ = s.missing(leaves, s.greatest(), until)
	return windows, m.missing(leaves, until), nil
}
