package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	kafkago "github.com/segmentio/kafka-go"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/stream"
)

// ofAllKinds returns records that differ in everything that a record may hold.
func ofAllKinds() []stream.Record {
	now := time.Now().UnixMilli()
	return []stream.Record{
		{Time: now, Value: []byte("no key")},
		{Time: now + 1, Key: []byte("k"), Value: []byte("a key")},
		{Time: now - 5000, Key: []byte("k"), Value: []byte("older than the first")},
		{Time: now, Key: []byte{}, Value: []byte{}},
		{Time: now, Key: []byte("a null value")},
		{Time: now, Value: []byte("🔥 \x00\xff"), Headers: []stream.Header{{Key: "h", Value: []byte("v")}}},
		{Time: now, Value: []byte("two"), Headers: []stream.Header{{Key: "h", Value: []byte("v")}, {Key: "h", Value: []byte{}}}},
		{Time: now, Value: []byte(strings.Repeat("long ", 20_000)), Headers: []stream.Header{{Key: strings.Repeat("h", 200), Value: []byte(strings.Repeat("v", 300))}}},
	}
}

// difference compares records but for their offsets. A null value and an empty one
// differ.
func difference(want, got []stream.Record) string {
	return cmp.Diff(described(want), described(got))
}

// described returns a short line for each record, with everything that it holds.
func described(records []stream.Record) []string {
	part := func(b []byte) string {
		if b == nil {
			return "null"
		}
		return fmt.Sprintf("%.20q (%d bytes, %08x)", b, len(b), crc32.ChecksumIEEE(b))
	}
	var lines []string
	for _, r := range records {
		line := fmt.Sprintf("%d %s = %s", r.Time, part(r.Key), part(r.Value))
		for _, h := range r.Headers {
			line += fmt.Sprintf("; %s: %s", part([]byte(h.Key)), part(h.Value))
		}
		lines = append(lines, line)
	}
	return lines
}

func TestWrittenRecordsAreReadAgain(t *testing.T) {
	onEach(t, func(t *testing.T, k cluster) {
		topic, c := k.topic(t, 2, nil), k.open(t)
		want := ofAllKinds()
		write(t, c, topic, 1, want)
		got := read(t, c, topic, 1)
		if diff := difference(want, got); diff != "" {
			t.Errorf("records differ (-written +read):\n%s", diff)
		}
		for i, r := range got {
			if r.Offset != int64(i) {
				t.Errorf("record %d has offset %d", i, r.Offset)
			}
		}
		if other := read(t, c, topic, 0); len(other) > 0 {
			t.Errorf("partition 0 holds %d records, and nothing was written to it", len(other))
		}
	})
}

// An empty value is not null: null would remove a key from a compacted topic. This
// holds for the first record that a reader reads, too.
func TestEmptyValuesAreNotNull(t *testing.T) {
	onEach(t, func(t *testing.T, k cluster) {
		topic, c := k.topic(t, 1, nil), k.open(t)
		want := []stream.Record{{Time: 1, Key: []byte{}, Value: []byte{}}, {Time: 1}}
		write(t, c, topic, 0, want)
		if diff := difference(want, read(t, c, topic, 0)); diff != "" {
			t.Errorf("records differ (-written +read):\n%s", diff)
		}
	})
}

func TestKafkaGoReadsWhatWeEncode(t *testing.T) {
	onEach(t, func(t *testing.T, k cluster) {
		topic := k.topic(t, 1, nil)
		want := ofAllKinds()
		write(t, k.open(t), topic, 0, want)
		r := kafkago.NewReader(kafkago.ReaderConfig{Brokers: k.brokers, Topic: topic, MaxWait: 10 * time.Millisecond})
		defer r.Close()
		var got []stream.Record
		for range want {
			m, err := r.ReadMessage(within(t))
			if err != nil {
				t.Fatal(err)
			}
			rec := stream.Record{Offset: m.Offset, Time: m.Time.UnixMilli(), Key: m.Key, Value: m.Value}
			for _, h := range m.Headers {
				rec.Headers = append(rec.Headers, stream.Header{Key: h.Key, Value: h.Value})
			}
			got = append(got, rec)
		}
		want[3].Key, want[3].Value, want[6].Headers[1].Value = nil, nil, nil // its reader takes empty for null
		if diff := difference(want, got); diff != "" {
			t.Errorf("records differ (-written +read):\n%s", diff)
		}
	})
}

// A partition may hold more than one fetch returns, in batches of all sizes. Kafka's
// answer may end in the middle of a batch.
func TestAllOfALongPartitionIsRead(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k cluster) {
		topic, c := k.topic(t, 1, nil), k.open(t)
		var want []string
		for batch := range 12 {
			var records []stream.Record
			for i := range 300 {
				v := fmt.Sprintf("%d/%d %s", batch, i, strings.Repeat("x", 1000))
				want = append(want, v)
				records = append(records, stream.Record{Time: 1, Value: []byte(v)})
			}
			write(t, c, topic, 0, records)
		}
		b, err := c.Reader(topic, 0).Fetch(within(t), 0, time.Second)
		if err != nil || b.HighWatermark != int64(len(want)) || b.Next >= b.HighWatermark || b.AtEnd() {
			t.Errorf("the first fetch of %d records goes to %d of %d, at end %v, %v", len(want), b.Next, b.HighWatermark, b.AtEnd(), err)
		}
		var got []string
		for _, r := range read(t, c, topic, 0) {
			got = append(got, string(r.Value))
		}
		if !slices.Equal(want, got) {
			t.Errorf("read %d records, want the %d that were written, in their order", len(got), len(want))
		}
	})
}

func TestWriteSplitsWhatNoBatchHolds(t *testing.T) {
	k := embedded(t, broker.Config{})
	topic, c := k.topic(t, 1, nil), k.open(t)
	var records []stream.Record
	for i := range 5 {
		records = append(records, stream.Record{Time: 1, Key: []byte(strconv.Itoa(i)), Value: make([]byte, 400<<10)})
	}
	write(t, c, topic, 0, records)
	if diff := difference(records, read(t, c, topic, 0)); diff != "" {
		t.Error("five records of 400 KiB were not read as they were written")
	}

	records[2].Value = make([]byte, 901<<10)
	if err := c.Writer(topic).Write(within(t), 0, records); err == nil || !strings.Contains(err.Error(), "a batch") {
		t.Errorf("a record larger than a batch: %v", err)
	}
	if n := len(read(t, c, topic, 0)); n != 5 {
		t.Errorf("the log holds %d records after a write that was refused, want the 5 from before", n)
	}
}

func TestFetchFromTheMiddleOfABatch(t *testing.T) {
	onEach(t, func(t *testing.T, k cluster) {
		topic, c := k.topic(t, 1, nil), k.open(t)
		write(t, c, topic, 0, values("0", "1", "2", "3", "4"))
		b, err := c.Reader(topic, 0).Fetch(within(t), 3, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Records) != 2 || b.Records[0].Offset != 3 || string(b.Records[1].Value) != "4" {
			t.Errorf("Fetch from 3 returned %v", b.Records)
		}
		if b.Next != 5 || b.HighWatermark != 5 || !b.AtEnd() {
			t.Errorf("next %d, high watermark %d, at end %v; want 5, 5, true", b.Next, b.HighWatermark, b.AtEnd())
		}
	})
}

// The records of a batch must stay as they are until the next Fetch.
func TestFetchedRecordsHoldUntilTheNextFetch(t *testing.T) {
	k := embedded(t, broker.Config{})
	topic, c := k.topic(t, 1, nil), k.open(t)
	var want []string
	for i := range 2000 { // more than fits into the reader's first buffer
		want = append(want, fmt.Sprintf("%d %s", i, strings.Repeat("y", 100)))
	}
	write(t, c, topic, 0, values(want...))
	r := c.Reader(topic, 0)
	for range 2 { // with a fresh buffer, and with one that is reused
		b, err := r.Fetch(within(t), 0, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for i, rec := range b.Records {
			if string(rec.Value) != want[i] {
				t.Fatalf("record %d reads %.20q, want %.20q", i, rec.Value, want[i])
			}
		}
		if len(b.Records) != len(want) {
			t.Fatalf("%d records, want %d", len(b.Records), len(want))
		}
	}
}

func TestFetchWaits(t *testing.T) {
	onEach(t, func(t *testing.T, k cluster) {
		topic, c := k.topic(t, 1, nil), k.open(t)
		r := c.Reader(topic, 0)

		const wait = 300 * time.Millisecond
		began := time.Now()
		b, err := r.Fetch(within(t), 0, wait)
		took := time.Since(began)
		if err != nil || len(b.Records) > 0 || b.Next != 0 || b.HighWatermark != 0 || !b.AtEnd() {
			t.Errorf("Fetch of an empty partition = %+v, %v", b, err)
		}
		if took < wait*9/10 {
			t.Errorf("it waited for %v, want %v", took, wait)
		}
		if b.SentAt.Before(began) || b.SentAt.After(began.Add(took)) {
			t.Errorf("it says that it was sent at %v, which was not between %v and %v later", b.SentAt, began, took)
		}

		// Fetch returns as soon as there is a record, long before the wait is over.
		fetched := make(chan error, 1)
		go func() {
			b, err := r.Fetch(within(t), 0, 10*testTimeout)
			if err == nil && len(b.Records) == 0 {
				err = errors.New("no records")
			}
			fetched <- err
		}()
		write(t, c, topic, 0, values("x"))
		if err := receive(t, fetched); err != nil {
			t.Errorf("Fetch while something is written: %v", err)
		}
	})
}

func TestFetchEndsWithItsContext(t *testing.T) {
	k := embedded(t, broker.Config{})
	topic, c := k.topic(t, 1, nil), k.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	fetched := make(chan error, 1)
	go func() {
		_, err := c.Reader(topic, 0).Fetch(ctx, 0, 10*time.Second)
		fetched <- err
	}()
	cancel()
	if err := receive(t, fetched); !errors.Is(err, context.Canceled) {
		t.Errorf("Fetch = %v, want the context's error", err)
	}
}

func TestFetchOfWhatTheLogDoesNotHold(t *testing.T) {
	onEach(t, func(t *testing.T, k cluster) {
		topic, c := k.topic(t, 2, nil), k.open(t)
		write(t, c, topic, 1, values("0", "1", "2", "3"))
		trim(t, k, topic, 1, 2)
		for _, offset := range []int64{0, 1, 5, 1000} {
			_, err := c.Reader(topic, 1).Fetch(within(t), offset, time.Second)
			want := stream.OutOfRangeError{Topic: topic, Partition: 1, Offset: offset, Start: 2, End: 4}
			if got, ok := errors.AsType[*stream.OutOfRangeError](err); !ok || *got != want {
				t.Errorf("Fetch of offset %d = %v, want %v", offset, err, &want)
			}
		}
		for _, offset := range []int64{2, 4} { // the first, and the end
			if _, err := c.Reader(topic, 1).Fetch(within(t), offset, time.Millisecond); err != nil {
				t.Errorf("Fetch of offset %d = %v", offset, err)
			}
		}
	})
}
