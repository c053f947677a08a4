package aggregator

import (
	"fmt"
	"slices"

	"github.com/emostream/emostream/internal/text/quote"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// source is how far a partition of emoji-topic was counted, as its marks since its last
// reset say: the ends of the newest windows that are reported and closed, in ms.
type source struct{ reset, reported, closed int64 }

// newSources returns what is known of partitions before their first marks: their last
// resets; nil if there are none.
func newSources(partitions int, resets []int64) []source {
	all := slices.Repeat([]source{{0, windowing.Never, windowing.Never}}, partitions)
	for i := range min(partitions, len(resets)) {
		all[i].reset = resets[i]
	}
	return all
}

// OtherMarkError says that a mark tells of other settings or numbers of partitions: it
// wraps a *SettingsError or a *PartitionsError.
type OtherMarkError struct {
	Offset int64 // of the mark in emoji-partials
	Err    error
}

func (e *OtherMarkError) Error() string { return e.Err.Error() }

// Unwrap returns what differs.
func (e *OtherMarkError) Unwrap() error { return e.Err }

// PartitionsError says that a partition of emoji-topic was counted for another number
// of partitions than there are.
type PartitionsError struct {
	Topic     string // whose number differs: emoji-topic or emoji-partials
	Partition int    // of emoji-topic, that was counted
	Then, Now int
}

func (e *PartitionsError) Error() string {
	return fmt.Sprintf("emoji-topic/%d was counted for %d partitions of %s and there are %d: the number may only change after a drain, with aggregate stopped and emoji-partials made anew",
		e.Partition, e.Then, e.Topic, e.Now)
}

// mark takes in a mark, and raises the floor if all partitions have closed newer
// windows.
func (r *Reducer) mark(offset int64, m wire.Mark) error {
	switch {
	case isOther(m.TopicID, r.topicID):
		return fmt.Errorf("a mark about the emoji-topic with the id %s, which is not this one (%s)", quote.Text(m.TopicID, 30), r.topicID)
	case m.Settings != r.windows.Settings() && !windowing.Allowed(m.Settings):
		return fmt.Errorf("a mark of %v, which no aggregate has", m.Settings)
	case m.Settings != r.windows.Settings():
		return &OtherMarkError{offset, &SettingsError{"emoji-partials", r.partition, m.Settings, r.windows.Settings()}}
	case m.Reducers != r.partitions:
		return &OtherMarkError{offset, &PartitionsError{"emoji-partials", m.Partition, m.Reducers, r.partitions}}
	case len(r.sources) == 0:
		r.sources = newSources(m.Partitions, r.resets)
	case m.Partitions != len(r.sources):
		return &OtherMarkError{offset, &PartitionsError{"emoji-topic", m.Partition, m.Partitions, len(r.sources)}}
	}
	s := &r.sources[m.Partition]
	switch {
	case m.Reset < s.reset:
		return nil // of a copy that has not read the reset yet
	case m.Reset > s.reset:
		*s = source{m.Reset, windowing.Never, windowing.Never}
		r.noteReset(m)
	}
	if m.Partition < len(r.read) {
		r.counted[m.Partition] = r.read[m.Partition]
	}
	s.reported, s.closed = max(s.reported, m.Reported), max(s.closed, m.Closed)
	byAll := s.closed
	for _, s := range r.sources {
		byAll = min(byAll, s.closed)
	}
	r.closed = max(r.closed, byAll)
	r.raiseFloor()
	return nil
}

// isOther says whether two ids are of two topics.
func isOther(a, b string) bool { return a != "" && b != "" && a != b }

// noteReset notes the first mark after a reset. If the mark says that windows are open
// again, the floor is lowered.
func (r *Reducer) noteReset(m wire.Mark) {
	r.resets = r.resets[:0:0]
	for _, s := range r.sources[:min(len(r.sources), wire.MaxResettable)] {
		r.resets = append(r.resets, s.reset)
	}
	if m.Reopened == 0 {
		return
	}
	r.reopened = max(r.reopened, m.Reopened)
	r.closed, r.floor = min(r.closed, m.Reopened), min(r.floor, m.Reopened)
	r.confirmedFloor = min(r.confirmedFloor, r.floor)
	for _, counted := range [][]wire.Counted{r.read, r.counted, r.countedEmitted, r.lostCounted} {
		if m.Partition < len(counted) {
			c := &counted[m.Partition]
			c.Newest = min(c.Newest, m.Reopened)
		}
	}
}
