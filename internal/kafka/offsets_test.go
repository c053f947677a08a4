package kafka_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/broker/brokertest"
	"github.com/emostream/emostream/internal/stream"
)

func TestOffsets(t *testing.T) {
	onEach(t, func(t *testing.T, k cluster) {
		topic, c := k.topic(t, 3, nil), k.open(t)
		write(t, c, topic, 1, values("0", "1", "2", "3", "4"))
		write(t, c, topic, 2, values("0", "1", "2", "3", "4"))
		trim(t, k, topic, 2, 5)
		for partition, want := range [][2]int64{{0, 0}, {0, 5}, {5, 5}} {
			start, end, err := c.Offsets(within(t), topic, partition)
			if err != nil || start != want[0] || end != want[1] {
				t.Errorf("partition %d: from %d to %d, %v; want %d to %d", partition, start, end, err, want[0], want[1])
			}
		}
	})
}

func TestOffsetAt(t *testing.T) {
	onEach(t, func(t *testing.T, k cluster) {
		topic, c := k.topic(t, 2, nil), k.open(t)
		const hour = int64(time.Hour / time.Millisecond)
		base := time.Now().UnixMilli() - 3*hour
		at := func(ms int64) stream.Record { return stream.Record{Time: ms, Value: []byte("x")} }
		// Two batches of two records, and one batch of one record that is older than
		// the record before it.
		write(t, c, topic, 1, []stream.Record{at(base), at(base + 1000)})
		write(t, c, topic, 1, []stream.Record{at(base + 2000), at(base + 3000)})
		write(t, c, topic, 1, []stream.Record{at(base + 500)})

		for _, test := range []struct {
			name      string
			partition int
			at        int64
			want      int64
		}{
			{"of an empty partition", 0, base, 0},
			{"before all", 1, base - hour, 0},
			{"at the first", 1, base, 0},
			{"between two of a batch", 1, base + 1, 1},
			{"at the last of a batch", 1, base + 1000, 1},
			{"between two batches", 1, base + 1001, 2},
			{"at the newest", 1, base + 3000, 3},
			{"after all", 1, base + 3001, 5},
			{"in the future", 1, base + 100*hour, 5},
		} {
			got, err := c.OffsetAt(within(t), topic, test.partition, time.UnixMilli(test.at))
			if err != nil || got != test.want {
				t.Errorf("%s: %d, %v; want %d", test.name, got, err, test.want)
			}
		}
	})
}

// A compacted topic has holes, which are offsets without a record. They are at the
// start, in the middle of a batch, and between batches. A reader goes on after them.
func TestHolesAreReadOver(t *testing.T) {
	t.Parallel() // Apache Kafka takes its time to compact
	t.Run("embedded", func(t *testing.T) {
		k := embedded(t, broker.Config{Housekeeping: 20 * time.Millisecond, DataDir: brokertest.Folder(t)})
		readOverHoles(t, k, map[string]string{"cleanup.policy": "compact"})
	})
	if k, ok := apache(); ok {
		t.Run("Apache Kafka", func(t *testing.T) {
			readOverHoles(t, k, map[string]string{
				"cleanup.policy": "compact", "segment.ms": "1", "min.cleanable.dirty.ratio": "0.001", "max.compaction.lag.ms": "1",
			})
		})
	}
}

func readOverHoles(t *testing.T, k cluster, config map[string]string) {
	t.Helper()
	topic, c := k.topic(t, 1, config), k.open(t)
	end := int64(0)
	for _, batch := range []string{"ab", "abcba", "ddd", "ae", "ee", "z", "z"} {
		records := values(strings.Split(batch, "")...)
		for i := range records {
			records[i].Key = records[i].Value
		}
		write(t, c, topic, 0, records)
		end += int64(len(batch))
	}
	// What is left, except for the end of the log, which is not compacted.
	left := []struct {
		offset int64
		value  string
	}{{4, "c"}, {5, "b"}, {9, "d"}, {10, "a"}, {13, "e"}}

	from := func(next int64) (all string) {
		for r := c.Reader(topic, 0); next < end; {
			b, err := r.Fetch(within(t), next, time.Second)
			if gone, ok := errors.AsType[*stream.OutOfRangeError](err); ok {
				return gone.Error() // compaction has moved the start meanwhile
			}
			if err != nil {
				t.Fatal(err)
			}
			if b.Next <= next {
				t.Fatalf("a fetch from %d says to go on at %d", next, b.Next)
			}
			for _, rec := range b.Records {
				if rec.Offset < next {
					t.Fatalf("a fetch from %d returned a record at %d", next, rec.Offset)
				}
				if string(rec.Value) != "z" {
					all += fmt.Sprintf("%d%s ", rec.Offset, rec.Value)
				}
			}
			next = b.Next
		}
		return all
	}
	start := int64(0)
	eventually(t, func() (err error) {
		if start, _, err = c.Offsets(within(t), topic, 0); err != nil {
			t.Fatal(err)
		}
		if all := from(start); all != "4c 5b 9d 10a 13e " {
			return fmt.Errorf("not compacted yet: %s", all)
		}
		return nil
	})
	for offset := start; offset < end; offset++ {
		want := ""
		for _, r := range left {
			if r.offset >= offset {
				want += fmt.Sprintf("%d%s ", r.offset, r.value)
			}
		}
		if got := from(offset); got != want {
			t.Errorf("from %d: %q, want %q", offset, got, want)
		}
	}
}

// Apache Kafka may keep a batch of which compaction has removed all records.
func TestAnEmptyBatchIsReadOver(t *testing.T) {
	f := newProxy(t, embedded(t, broker.Config{}))
	topic, c := f.topic(t, 1, nil), f.open(t)
	write(t, c, topic, 0, values("0", "1", "2"))
	f.emptyFirstBatch(topic, 0, 3)
	r := c.Reader(topic, 0)
	for next := int64(0); next < 3; {
		b, err := r.Fetch(within(t), next, 10*time.Millisecond)
		if err != nil || len(b.Records) > 0 {
			t.Fatalf("Fetch = %v, %v, want no records", b.Records, err)
		}
		if b.Next <= next || b.Next > 3 {
			t.Fatalf("a fetch from %d, before an empty batch up to 2, says to go on at %d", next, b.Next)
		}
		next = b.Next
	}
}

func TestOffsetsOfATopicThatIsNotThere(t *testing.T) {
	k := embedded(t, broker.Config{})
	c := k.open(t)
	ctx := within(t)
	found := make(chan error, 1)
	name := unique(t)
	go func() {
		_, end, err := c.Offsets(ctx, name, 0)
		if end != 0 {
			err = errors.Join(err, fmt.Errorf("end at %d", end))
		}
		found <- err
	}()
	if _, err := k.open(t).EnsureTopics(within(t), topicOf(name, 1)); err != nil {
		t.Fatal(err)
	}
	if err := receive(t, found); err != nil {
		t.Errorf("Offsets did not wait for the topic: %v", err)
	}
}
