package export

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/emostream/emostream/internal/wire"
)

// Merger makes one row of all records that count the same emoji in the same window
// and channel: the greatest count is true. It does no I/O.
//
// Its owner reads the records twice, Expect first and then Add. The first reading
// tells how often each window is spoken of; so the second one knows when a window
// has been spoken of for the last time, however late or out of order that is, and
// whoever did the counting. A window is given away then, after all that began
// before it. What is held is a number for each window, and the counts of those
// that are open or wait for an earlier one.
type Merger struct {
	left   map[wire.Window]int // records that are still to come
	order  []wire.Window       // of those in left that were not given away, once all are known
	open   map[wire.Window]map[cell]tally
	held   int
	limits Limits
}

// Limits bound what a Merger holds. The zero value stands for the defaults.
type Limits struct {
	Windows int // default 2,000,000: 46 days of windows of 2 s
	Counts  int // of windows that are open; default 2,000,000
}

type cell struct{ channel, emoji string }

type tally struct {
	count  int64
	scaled float64
}

// NewMerger returns an empty merger.
func NewMerger(l Limits) *Merger {
	l.Windows, l.Counts = cmp.Or(l.Windows, 2_000_000), cmp.Or(l.Counts, 2_000_000)
	return &Merger{left: map[wire.Window]int{}, open: map[wire.Window]map[cell]tally{}, limits: l}
}

// errTooMuch is that a span does not fit the limits.
var errTooMuch = errors.New("choose a shorter span, or fewer channels or emojis")

// Expect says that a record of a window will be added.
func (m *Merger) Expect(w wire.Window) error {
	if m.left[w]++; len(m.left) > m.limits.Windows {
		return fmt.Errorf("the span has more than %d windows: %w", m.limits.Windows, errTooMuch)
	}
	return nil
}

// Add takes in a record. It hands over what will not change any more, sorted by
// window, channel and emoji. A record that was not expected is none of the span.
func (m *Merger) Add(c wire.Count, give func(Window) error) error {
	if m.order == nil {
		m.sort()
	}
	if m.left[c.Window] == 0 {
		return nil
	}
	m.left[c.Window]--
	m.put(c)
	if m.held > m.limits.Counts {
		return fmt.Errorf("more than %d counts are of windows that later records speak of: %w", m.limits.Counts, errTooMuch)
	}
	for len(m.order) > 0 && m.left[m.order[0]] == 0 {
		if err := m.giveFirst(give); err != nil {
			return err
		}
	}
	return nil
}

// Flush hands over what is left, where fewer records came than were expected, since
// retention took them meanwhile.
func (m *Merger) Flush(give func(Window) error) error {
	for len(m.order) > 0 {
		if err := m.giveFirst(give); err != nil {
			return err
		}
	}
	return nil
}

func (m *Merger) sort() {
	m.order = make([]wire.Window, 0, len(m.left))
	for w := range m.left {
		m.order = append(m.order, w)
	}
	slices.SortFunc(m.order, func(a, b wire.Window) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
	})
}

func (m *Merger) put(c wire.Count) {
	counts := m.open[c.Window]
	if counts == nil {
		counts = map[cell]tally{}
		m.open[c.Window] = counts
	}
	k := cell{c.Channel, c.Emoji}
	known, ok := counts[k]
	if !ok {
		m.held++
	}
	if !ok || c.Count > known.count {
		counts[k] = tally{c.Count, c.Scaled}
	}
}

func (m *Merger) giveFirst(give func(Window) error) error {
	w := m.order[0]
	counts := m.open[w]
	m.order = m.order[1:]
	delete(m.open, w)
	m.held -= len(counts)
	keys := make([]cell, 0, len(counts))
	for k := range counts {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b cell) int {
		return cmp.Or(cmp.Compare(a.channel, b.channel), cmp.Compare(a.emoji, b.emoji))
	})
	for _, k := range keys {
		t := counts[k]
		if err := give(Window{wire.Time(w.Start), wire.Time(w.End), k.channel, k.emoji, t.count, t.scaled}); err != nil {
			return err
		}
	}
	return nil
}
