package loadgen

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"math/bits"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/loadgen/report"
)

// posts are the calls of another service: a body with a marker.
type posts struct {
	head   []byte
	pieces []string // text and placeholders in turn
	run    string   // what this run's markers begin with
	expect func(n int64, due time.Time)
}

// placeholders of a body.
const (
	markerField = "{{marker}}"
	timeField   = "{{time}}"
	seqField    = "{{seq}}"
)

var _ calls = (*posts)(nil)

func newPosts(to *place, p *Publish, run string) *posts {
	body, kind := p.Body, p.ContentType
	if body == "" {
		body = `{"marker":"` + markerField + `"}`
	}
	if kind == "" {
		kind = "application/json"
	}
	path := to.url.RequestURI()
	out := &posts{head: postHead(to, path, kind), run: run, expect: func(int64, time.Time) {}}
	for body != "" {
		at, field := len(body), ""
		for _, f := range []string{markerField, timeField, seqField} {
			if i := strings.Index(body, f); i >= 0 && i < at {
				at, field = i, f
			}
		}
		out.pieces = append(out.pieces, body[:at], field)
		body = body[at+len(field):]
	}
	return out
}

func (p *posts) compose(dst []byte, n int64, due time.Time) []byte {
	p.expect(n, due)
	return appendRequest(dst, p.head, func(b []byte) []byte {
		for _, piece := range p.pieces {
			switch piece {
			case markerField:
				b = append(b, p.run...)
				b = strconv.AppendInt(b, n, 10)
				b = append(b, 'z') // so that no marker begins another
			case timeField:
				b = wire.AppendTime(b, due.UnixMilli())
			case seqField:
				b = strconv.AppendInt(b, n, 10)
			default:
				b = append(b, piece...)
			}
		}
		return b
	})
}

func (p *posts) judge(v *verdict, n int64, a answer) {
	if a.status >= 200 && a.status < 300 {
		v.accepted = 1
		v.acked = append(v.acked, acked{at: n + 1}) // its number, for the books of markers
		return
	}
	v.kind = strconv.Itoa(a.status)
	p.failed(v, n, client.AnswerOutcome(a.status, "") != client.InDoubt)
}

func (p *posts) failed(v *verdict, _ int64, certain bool) {
	if certain {
		v.rejected = 1
	} else {
		v.inDoubt = 1
	}
}

// markers is what the listeners of another service are shown. It is safe for
// concurrent use.
type markers struct {
	match *regexp.Regexp
	run   string

	mu       sync.Mutex
	due      []int64 // Unix us, by number
	first    []int64 // Unix us when somebody was shown it, by number; 0: nobody was
	accepted set
	twice    set // to somebody
	e2e      *report.Histogram
}

// set is a set of numbers, one bit each.
type set []uint64

// add says whether the number is new.
func (s *set) add(n int64) bool {
	i, bit := int(n/64), uint64(1)<<(n%64)
	if missing := i + 1 - len(*s); missing > 0 {
		*s = append(*s, make([]uint64, missing)...)
	}
	had := (*s)[i]&bit != 0
	(*s)[i] |= bit
	return !had
}

func (s set) has(n int64) bool {
	i := int(n / 64)
	return i < len(s) && s[i]&(1<<(n%64)) != 0
}

func (s set) len() int64 {
	n := 0
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return int64(n)
}

func newMarkers(expression, run string) (*markers, error) {
	m := &markers{run: run, e2e: report.NewHistogram()}
	if expression == "" {
		expression = regexp.QuoteMeta(run) + `\d+z`
	}
	var err error
	m.match, err = regexp.Compile(expression)
	if err != nil {
		return nil, fmt.Errorf("match %.60q: %w", expression, err)
	}
	return m, nil
}

// expect is told when an event is due, before it is sent.
func (m *markers) expect(n int64, due time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if missing := int(n) + 1 - len(m.due); missing > 0 {
		m.due = append(m.due, make([]int64, missing)...)
		m.first = append(m.first, make([]int64, missing)...)
	}
	m.due[n] = due.UnixMicro()
}

func (m *markers) accept(as []acked) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range as {
		m.accepted.add(a.at - 1)
	}
}

// seen is called with each event that a listener is shown.
func (m *markers) seen(v *view, f *frame, at time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range f.markers {
		if n < 0 || n >= int64(len(m.due)) || m.due[n] == 0 {
			continue // of another run
		}
		if m.first[n] == 0 {
			m.first[n] = at.UnixMicro()
		}
		if !v.markers.add(n) {
			m.twice.add(n)
			continue
		}
		m.e2e.Record(at.Sub(time.UnixMicro(m.due[n])))
	}
}

// gaps is how many markers a listener was not shown that another one was up to a
// moment, of those that were due while it was there.
func (m *markers) gaps(v *view, until int64) int64 {
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

// balance is the books of markers.
func (m *markers) balance() (counted, lost, doubled int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for n, first := range m.first {
		switch {
		case first > 0:
			counted++
		case m.accepted.has(int64(n)):
			lost++
		}
	}
	return counted, lost, m.twice.len()
}

// decode finds the markers in an event.
func (m *markers) decode(f *frame, _ string, data []byte) {
	for _, groups := range m.match.FindAllSubmatch(data, -1) {
		text := groups[0]
		if len(groups) > 1 {
			text = groups[1]
		}
		digits, ok := bytes.CutPrefix(text, []byte(m.run))
		n, err := strconv.ParseInt(string(bytes.TrimSuffix(digits, []byte("z"))), 10, 64)
		if ok && err == nil {
			f.markers = append(f.markers, n)
		}
	}
}

func newRun() string { return "emo" + strings.ToLower(rand.Text()[:10]) + "x" }

// findService is find for another service.
func findService(ctx context.Context, c Config) (*target, error) {
	to, err := locate(ctx, c.Publish.PostURL, c.AllowRemote)
	if err != nil {
		return nil, err
	}
	run := newRun()
	calls := newPosts(to, c.Publish, run)
	t := &target{to: to, calls: calls, frames: newFrames(func(*frame, string, []byte) {}), reading: deaf{}}
	conn, err := to.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("reach %s: %w", c.Publish.PostURL, err)
	}
	if err := conn.Close(); err != nil || c.Publish.StreamURL == "" {
		t.notes = append(t.notes, "nobody listens, so that there are no books and no latencies behind the answer")
		return t, nil //nolint:nilerr // it could be reached
	}
	return t, t.listen(ctx, c, calls)
}

func (t *target) listen(ctx context.Context, c Config, calls *posts) error {
	to, err := locate(ctx, c.Publish.StreamURL, c.AllowRemote)
	if err != nil {
		return err
	}
	if t.markers, err = newMarkers(c.Publish.Match, calls.run); err != nil {
		return err
	}
	calls.expect = t.markers.expect
	path := to.url.RequestURI()
	t.streams = &streams{main: to, fixed: &stream{to: to, path: path}, timeout: c.Timeout}
	t.frames, t.reading = newFrames(t.markers.decode), t.markers
	return nil
}
