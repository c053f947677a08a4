package topicreader

import (
	"context"
	"slices"
	"time"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
)

// Tail reads a topic from its beginning. Each ReadOn goes on to the end that the topic
// has then. It is not safe for concurrent use.
type Tail struct {
	cursors  []*Cursor // by partition
	known    []int64   // by partition: offsets below this are counted in progress.Known
	progress Progress
	unread   unread
}

// NewTail returns a reader of a topic that has this many partitions. stall is as in
// NewCursor.
func NewTail(c *kafka.Client, topic string, partitions int, stall time.Duration) *Tail {
	t := &Tail{known: make([]int64, partitions)}
	for p := range partitions {
		cursor := NewCursor(c, topic, p, stall)
		cursor.OnUnread(func(u Unread) { t.unread.add(u, &t.progress) })
		t.cursors = append(t.cursors, cursor)
	}
	return t
}

// Progress returns how far the topic was read. The take of ReadOn may call it.
func (t *Tail) Progress() Progress { return t.progress }

// Unread returns what was not read: the first of the batches that cannot be read, and
// what lay behind transactions that were open at the last ReadOn.
func (t *Tail) Unread() []Unread { return t.unread }

// ReadOn reads what was written since the last call, partition by partition. It asks
// for the ends of all partitions before it reads the first one; so it reads everything
// that existed at one moment. It hands batches to take as Cursor.Read does. If gap is
// not nil, it is called with each partition of which retention removed records before
// they could be read.
func (t *Tail) ReadOn(ctx context.Context, take func(partition int, records []stream.Record) error, gap func(partition int)) error {
	t.unread = slices.DeleteFunc(t.unread, func(u Unread) bool { return u.Open })
	t.progress.Blocked = 0
	ends := make([]int64, len(t.cursors))
	for p, c := range t.cursors {
		start, end, err := c.Ends(ctx)
		if err != nil {
			return err
		}
		if start > c.Next() {
			t.gone(p, start-c.Next(), gap)
			c.MoveTo(start)
			t.known[p] = max(t.known[p], start)
		}
		ends[p] = end
		t.progress.Known += end - t.known[p]
		t.known[p] = end
	}
	for p, c := range t.cursors {
		err := c.Read(ctx, ends[p], func(records []stream.Record) error {
			t.progress.Read += int64(len(records))
			return take(p, records)
		}, func(records int64) { t.gone(p, records, gap) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *Tail) gone(partition int, records int64, gap func(partition int)) {
	t.progress.Gone += records
	if gap != nil {
		gap(partition)
	}
}
