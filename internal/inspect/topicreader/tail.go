package topicreader

import (
	"context"
	"time"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
)

// Tail reads a topic from its beginning, and each time on to where it ends by then.
// It must not be used concurrently.
type Tail struct {
	cursors  []*Cursor // by partition
	known    []int64   // by partition: offsets before it are in the progress
	progress Progress
}

// NewTail returns a reader of a topic with so many partitions. Stall is that of a
// Cursor.
func NewTail(c *kafka.Client, topic string, partitions int, stall time.Duration) *Tail {
	t := &Tail{known: make([]int64, partitions)}
	for p := range partitions {
		t.cursors = append(t.cursors, NewCursor(c, topic, p, stall))
	}
	return t
}

// Progress is how far the topic was read. Take may call it.
func (t *Tail) Progress() Progress { return t.progress }

// ReadOn reads what has come since the last call, partition by partition. It asks
// where all of them end before it reads the first, so that it has then read all that
// there was at one moment. It hands over batches as Cursor.Read does. Gap, if it is
// not nil, is told the partitions of which retention removed records before they
// could be read.
func (t *Tail) ReadOn(ctx context.Context, take func(partition int, records []stream.Record) error, gap func(partition int)) error {
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
