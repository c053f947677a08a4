package export

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/wire"
)

// Counts makes one row of all records that count the same emoji in the same window and
// channel. The row has the greatest count of each spelling of the emoji, added up. It
// does no I/O.
//
// Its owner reads the records twice. The first time it calls Expect for each, the
// second time Add. So Add knows which record of a window is the last, however late it
// comes and in whatever order. Then the window is final. It is handed over once all
// earlier windows are. Memory holds a number for each window, and the counts of the
// windows that are not handed over yet.
type Counts struct {
	left   map[wire.Window]int // how many records are still to be added
	order  []wire.Window       // windows that are not handed over yet, oldest first; nil until Add
	open   map[wire.Window]map[key]value
	held   int
	limits Limits
}

// Limits bound the memory of Counts. A zero field stands for its default.
type Limits struct {
	Windows int // default 2,000,000: 46 days of windows of 2 s
	Counts  int // of windows that are begun and not handed over yet; default 2,000,000
}

// key identifies a count in a window; the emoji as it was spelled.
type key struct{ channel, emoji string }

type value struct {
	count  int64
	scaled float64
}

// NewCounts returns empty Counts that expect no records yet.
func NewCounts(l Limits) *Counts {
	l.Windows, l.Counts = cmp.Or(l.Windows, 2_000_000), cmp.Or(l.Counts, 2_000_000)
	return &Counts{left: map[wire.Window]int{}, open: map[wire.Window]map[key]value{}, limits: l}
}

// errTooMany says that a range exceeds the limits.
var errTooMany = errors.New("choose a shorter span, or fewer channels or emojis")

// Expect announces that a record of window w will be added later. It fails if there are
// more windows than Limits.Windows.
func (m *Counts) Expect(w wire.Window) error {
	if m.left[w]++; len(m.left) > m.limits.Windows {
		return fmt.Errorf("the span has more than %d windows: %w", m.limits.Windows, errTooMany)
	}
	return nil
}

// Add takes in a record. It calls give for the rows that cannot change any more, in the
// order of window, channel and emoji. A record that was not expected is ignored.
func (m *Counts) Add(c wire.Count, give func(Window) error) error {
	if m.order == nil {
		m.sort()
	}
	if m.left[c.Window] == 0 {
		return nil
	}
	m.left[c.Window]--
	m.put(c)
	if m.held > m.limits.Counts {
		return fmt.Errorf("more than %d counts are of windows that later records speak of: %w", m.limits.Counts, errTooMany)
	}
	for len(m.order) > 0 && m.left[m.order[0]] == 0 {
		if err := m.giveFirst(give); err != nil {
			return err
		}
	}
	return nil
}

// Flush calls give for the windows that Add has not handed over. There are some only if
// records that were announced with Expect never came to Add, because retention removed
// them between the first reading and the second.
func (m *Counts) Flush(give func(Window) error) error {
	for len(m.order) > 0 {
		if err := m.giveFirst(give); err != nil {
			return err
		}
	}
	return nil
}

func (m *Counts) sort() {
	m.order = make([]wire.Window, 0, len(m.left))
	for w := range m.left {
		m.order = append(m.order, w)
	}
	slices.SortFunc(m.order, func(a, b wire.Window) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
	})
}

func (m *Counts) put(c wire.Count) {
	counts := m.open[c.Window]
	if counts == nil {
		counts = map[key]value{}
		m.open[c.Window] = counts
	}
	k := key{c.Channel, c.Emoji}
	known, ok := counts[k]
	if !ok {
		m.held++
	}
	if !ok || c.Count > known.count {
		counts[k] = value{c.Count, c.Scaled}
	}
}

func (m *Counts) giveFirst(give func(Window) error) error {
	w := m.order[0]
	counts := m.open[w]
	m.order = m.order[1:]
	delete(m.open, w)
	m.held -= len(counts)
	channels := map[string][]wire.EmojiCount{}
	for k, v := range counts {
		channels[k.channel] = append(channels[k.channel], wire.EmojiCount{Emoji: k.emoji, Count: v.count, Scaled: v.scaled})
	}
	for _, channel := range slices.Sorted(maps.Keys(channels)) {
		rows := wire.AddSpellings(channels[channel], emoji.Canonical[string])
		slices.SortFunc(rows, func(a, b wire.EmojiCount) int { return cmp.Compare(a.Emoji, b.Emoji) })
		for _, c := range rows {
			if err := give(Window{wire.Time(w.Start), wire.Time(w.End), channel, c.Emoji, c.Count, c.Scaled}); err != nil {
				return err
			}
		}
	}
	return nil
}
