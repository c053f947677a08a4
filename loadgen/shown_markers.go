package loadgen

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emostream/emostream/loadgen/report"
)

// shownMarkers records which events of another service its listeners were shown, by the
// markers in the events. Each event is expected on every stream. It is safe for concurrent
// use.
type shownMarkers struct {
	match *regexp.Regexp
	runID string

	mu           sync.Mutex
	due          []int64  // when each request is due, by its number, Unix µs
	first        []int64  // when a listener was first shown it, by number, Unix µs; 0: none was
	after        []uint32 // how long after that the last one was that had been connected when it was due, by number, µs; 0: there is one listener
	accepted     numberSet
	streams      []shownOnStream
	measuredFrom int64 // Unix µs; what is due before is in no latency
}

// shownOnStream says which events the listeners of one stream were shown, by number.
type shownOnStream struct {
	shown numberSet
	twice numberSet // one listener was shown them more than once
	e2e   *report.Histogram
}

// A marker consists of the run's id, the number of the request, and markerEnd.
// markerEnd ensures that no marker is the beginning of another.
const markerEnd = "z"

func newRunID() string { return "emo" + strings.ToLower(rand.Text()[:10]) + "x" }

func newShownMarkers(expression, runID string, streams int) (*shownMarkers, error) {
	m := &shownMarkers{runID: runID}
	for range streams {
		m.streams = append(m.streams, shownOnStream{e2e: report.NewHistogram()})
	}
	if expression == "" {
		expression = regexp.QuoteMeta(runID) + `\d+` + markerEnd
	}
	var err error
	m.match, err = regexp.Compile(expression)
	if err != nil {
		return nil, matchError(expression, err)
	}
	return m, nil
}

// matchError returns why Publish.Match is no regular expression.
func matchError(expression string, err error) error {
	why := err.Error()
	if wrong, ok := errors.AsType[*syntax.Error](err); ok {
		why = fmt.Sprintf("%v in %q", wrong.Code, wrong.Expr)
	}
	return &BoundsError{"match", fmt.Sprintf("%.60q", expression), "it is no regular expression: " + why}
}

// expect notes when the event of request n is due. It is called before the request is
// sent.
func (m *shownMarkers) expect(n int64, due time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if missing := int(n) + 1 - len(m.due); missing > 0 {
		m.due = append(m.due, make([]int64, missing)...)
		m.first = append(m.first, make([]int64, missing)...)
		m.after = append(m.after, make([]uint32, missing)...)
	}
	m.due[n] = due.UnixMicro()
}

// measureFrom leaves events out of the latencies that are due before a moment.
func (m *shownMarkers) measureFrom(at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.measuredFrom = at.UnixMicro()
}

// accept notes events that the service accepted.
func (m *shownMarkers) accept(as []acknowledgement) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range as {
		m.accepted.add(a.at - 1)
	}
}

func (m *shownMarkers) received(v *listenerView, e *event, at time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &m.streams[v.part]
	for _, n := range e.markers {
		if n < 0 || n >= int64(len(m.due)) || m.due[n] == 0 {
			continue // a marker of another run
		}
		m.addFirst(n, at.UnixMicro())
		s.shown.add(n)
		if !v.markers.add(n) {
			s.twice.add(n)
			continue
		}
		if m.due[n] > v.liveSince*1000 {
			m.after[n] = max(m.after[n], micros(at.UnixMicro()-m.first[n]))
		}
		if m.due[n] >= max(m.measuredFrom, v.asked) { // some services show older events to who comes later
			s.e2e.Record(at.Sub(time.UnixMicro(m.due[n])))
		}
	}
}

// spread returns how far apart the listeners were shown the same event.
func (m *shownMarkers) spread() *report.Histogram {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := report.NewHistogram()
	for n, after := range m.after {
		if after > 0 && m.due[n] >= m.measuredFrom {
			h.Record(time.Duration(after) * time.Microsecond)
		}
	}
	return h
}

// addFirst notes that a listener was shown event n at a moment, in Unix µs.
func (m *shownMarkers) addFirst(n, at int64) {
	if first := m.first[n]; first == 0 {
		m.first[n] = at
	} else if at < first { // another listener noted its own, later moment before
		m.first[n], m.after[n] = at, m.after[n]+micros(first-at)
	}
}

// micros returns a number of microseconds in 32 bits, of which each event needs some.
func micros(n int64) uint32 { return uint32(min(max(0, n), math.MaxUint32)) }

// missing counts the markers that one listener was not shown, though they were due
// after it had connected, and another listener had been shown them by the moment until,
// in Unix ms.
func (m *shownMarkers) missing(v *listenerView, until int64) int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	n := int64(0)
	for i, first := range m.first {
		if first > 0 && first <= until*1000 && v.since > 0 && m.due[i] > v.since*1000 && !v.markers.has(int64(i)) {
			n++
		}
	}
	return n
}

// shown returns how many events any listener was shown.
func (m *shownMarkers) shown() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := int64(0)
	for _, first := range m.first {
		if first > 0 {
			n++
		}
	}
	return n
}

// shownTo returns how many events one listener was shown.
func (m *shownMarkers) shownTo(v *listenerView) int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.markers.len()
}

// balance compares the accepted events with those that were shown, on the given streams
// together: an event counts if each of them showed it.
func (m *shownMarkers) balance(streams ...int) (counted, lost, doubled int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	onEach := func(n int64) bool {
		return !slices.ContainsFunc(streams, func(i int) bool { return !m.streams[i].shown.has(n) })
	}
	for n := range int64(len(m.due)) {
		switch {
		case onEach(n):
			counted++
		case m.accepted.has(n):
			lost++
		}
	}
	var twice numberSet
	for _, i := range streams {
		twice.addAll(m.streams[i].twice)
	}
	return counted, lost, twice.len()
}

// endToEnd returns, for each stream and for all, the latencies from when each event was due
// to when each listener was shown it.
func (m *shownMarkers) endToEnd() (each []*report.Histogram, all *report.Histogram) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all = report.NewHistogram()
	for _, s := range m.streams {
		h := report.NewHistogram()
		h.Merge(s.e2e)
		each = append(each, h)
		all.Merge(h)
	}
	return each, all
}

// decode finds the markers in an event's data. A marker that stands in it twice is shown
// once.
func (m *shownMarkers) decode(e *event, _ string, data []byte) {
	for _, groups := range m.match.FindAllSubmatch(data, -1) {
		marker := groups[0]
		if len(groups) > 1 {
			marker = groups[1]
		}
		digits, ok := bytes.CutPrefix(marker, []byte(m.runID))
		n, err := strconv.ParseInt(string(bytes.TrimSuffix(digits, []byte(markerEnd))), 10, 64)
		if ok && err == nil && !slices.Contains(e.markers, n) {
			e.markers = append(e.markers, n)
		}
	}
}
