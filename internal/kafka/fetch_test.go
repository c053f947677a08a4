package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/broker/brokertest"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/proof/kafkatest/foreign"
	"github.com/emostream/emostream/internal/stream"
)

func TestCompressedBatchesAreRead(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k cluster) {
		topic, c := k.topic(t, 1, nil), k.open(t)
		transport := &kafkago.Transport{}
		defer transport.CloseIdleConnections()
		now := time.Now().Truncate(time.Millisecond)
		var want []stream.Record
		for _, codec := range []kafkago.Compression{kafkago.Gzip, kafkago.Snappy, kafkago.Lz4, kafkago.Zstd, 0} {
			w := &kafkago.Writer{
				Addr: kafkago.TCP(k.brokers...), Transport: transport, Topic: topic,
				Compression: codec, BatchTimeout: time.Millisecond, RequiredAcks: kafkago.RequireAll,
			}
			var messages []kafkago.Message
			for i := range 500 {
				value := fmt.Appendf(nil, "%v %d %s", codec, i, strings.Repeat("z", 100))
				want = append(want, stream.Record{Time: now.UnixMilli(), Value: value})
				messages = append(messages, kafkago.Message{Time: now, Value: value})
			}
			if err := w.WriteMessages(within(t), messages...); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if diff := difference(want, read(t, c, topic, 0)); diff != "" {
			t.Errorf("records differ (-written +read):\n%s", diff)
		}
	})
}

// Other programs may write transactions. Their records are read if the transactions
// were committed. The markers that end transactions are left out.
func TestTransactionsAreReadToTheirEnd(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k cluster) {
		topic, c := k.topic(t, 1, nil), k.open(t)
		theirs, err := kgo.NewClient(kgo.SeedBrokers(k.brokers...), kgo.TransactionalID(unique(t)), kgo.DefaultProduceTopic(topic))
		if err != nil {
			t.Fatal(err)
		}
		defer theirs.Close()
		for _, commit := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
			value := map[kgo.TransactionEndTry]string{kgo.TryCommit: "committed", kgo.TryAbort: "aborted"}[commit]
			if err := theirs.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			if err := theirs.ProduceSync(within(t), kgo.StringRecord(value)).FirstErr(); err != nil {
				t.Fatal(err)
			}
			if err := theirs.EndTransaction(within(t), commit); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, func() error { // the ends are written after they are acknowledged
			if _, end, err := c.Offsets(within(t), topic, 0); err != nil || end != 4 {
				return fmt.Errorf("the log ends at %d, %w", end, err)
			}
			return nil
		})
		b, err := c.Reader(topic, 0).Fetch(within(t), 0, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Records) != 1 || b.Records[0].Offset != 2 || string(b.Records[0].Value) != "committed" {
			t.Errorf("read %v, want the record at 2", described(b.Records))
		}
		if b.Next != 4 || !b.AtEnd() {
			t.Errorf("it says to go on at %d, at the end %v; want 4, true", b.Next, b.AtEnd())
		}
	})
}

// A transaction that is open when the embedded broker ends is aborted without a marker.
// What the same program writes afterwards is read once it is committed.
func TestATransactionThatTheBrokerLeftIsNotRead(t *testing.T) {
	t.Parallel()
	dir := brokertest.Folder(t)
	first, stop := run(t, broker.Config{DataDir: dir})
	k := cluster{brokers: []string{first.Addr()}, embedded: true}
	topic, id := k.topic(t, 1, nil), unique(t)
	foreign.Begin(t, k.brokers, id).Write(topic, 0, values("left", "left")...)
	stop()
	b, _ := run(t, broker.Config{DataDir: dir, Listen: first.Addr()})
	k.brokers = []string{b.Addr()}
	c := k.open(t)
	theirs := foreign.Begin(t, k.brokers, id)
	theirs.Write(topic, 0, values("kept")...)
	theirs.Commit()
	eventually(t, func() error {
		b, err := c.Reader(topic, 0).Fetch(within(t), 0, 0)
		if got := told(b); err != nil || len(b.Records) != 1 || string(b.Records[0].Value) != "kept" || !b.AtEnd() {
			return fmt.Errorf("read %q, %+v, %w", got, b, err)
		}
		return nil
	})
}

// While a transaction is open, what is before it is read, and the batch says that the
// rest is behind it.
func TestAnOpenTransactionIsReadUpTo(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k cluster) {
		topic, c := k.topic(t, 1, nil), k.open(t)
		write(t, c, topic, 0, values("before"))
		theirs := foreign.Begin(t, k.brokers, unique(t))
		theirs.Write(topic, 0, values("theirs")...)
		write(t, c, topic, 0, values("behind"))
		r := c.Reader(topic, 0)
		b, err := r.Fetch(within(t), 0, 0)
		if err != nil || len(b.Records) != 1 || string(b.Records[0].Value) != "before" || b.Next != 1 || b.HighWatermark != 3 || !b.Blocked() || b.AtEnd() {
			t.Fatalf("Fetch = %+v, %v; want one record, and two behind", b, err)
		}
		if stable, err := c.StableEnd(within(t), topic, 0); stable != 1 || err != nil {
			t.Errorf("StableEnd = %d, %v; want 1", stable, err)
		}
		theirs.Abort()
		eventually(t, func() error {
			b, err := r.Fetch(within(t), 1, 0)
			if err != nil || len(b.Records) != 1 || string(b.Records[0].Value) != "behind" || b.Blocked() {
				return fmt.Errorf("after the end: %+v, %w", b, err)
			}
			return nil
		})
	})
}

// If the broker sets the time of records, as in emostream-servers, the reader returns
// that time. (The embedded broker does not set it.)
func TestTheBrokersStampIsRead(t *testing.T) {
	k, ok := apache()
	if !ok {
		t.Skip("only on Apache Kafka")
	}
	topic, c := k.topic(t, 1, map[string]string{"message.timestamp.type": "LogAppendTime"}), k.open(t)
	before := time.Now()
	hours := []stream.Record{{Time: before.Add(-time.Hour).UnixMilli(), Value: []byte("0")}, {Time: before.Add(-2 * time.Hour).UnixMilli(), Value: []byte("1")}}
	write(t, c, topic, 0, hours)
	for _, r := range read(t, c, topic, 0) {
		if at := time.UnixMilli(r.Time); at.Before(before.Truncate(time.Millisecond)) || at.After(time.Now()) {
			t.Errorf("record %s is of %v and was written between %v and now", r.Value, at, before)
		}
	}
}

// When a connection breaks in the middle of an answer, or an answer holds less than it
// should, the reader asks again.
func TestAnAnswerThatIsNotWholeIsAskedForAgain(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*proxy, *kmsg.FetchResponse){
		"its connection breaks":  func(f *proxy, _ *kmsg.FetchResponse) { f.truncateNextAnswer() },
		"it holds half a batch":  func(_ *proxy, res *kmsg.FetchResponse) { halve(&res.Topics[0].Partitions[0].RecordBatches) },
		"it is of no topic":      func(_ *proxy, res *kmsg.FetchResponse) { res.Topics = nil },
		"it is of no partition":  func(_ *proxy, res *kmsg.FetchResponse) { res.Topics[0].Partitions = nil },
		"the request has failed": func(_ *proxy, res *kmsg.FetchResponse) { res.ErrorCode = 7 },
		"the partition has":      func(_ *proxy, res *kmsg.FetchResponse) { res.Topics[0].Partitions[0].ErrorCode = 6 },
		"its records are spoilt": func(_ *proxy, res *kmsg.FetchResponse) { res.Topics[0].Partitions[0].RecordBatches[70] ^= 1 },
	} {
		t.Run(name, func(t *testing.T) {
			f := newProxy(t, embedded(t, broker.Config{}))
			topic, c := f.topic(t, 1, nil), f.open(t)
			write(t, c, topic, 0, values("0", "1", "2"))
			var asked atomic.Int32
			f.on(kmsg.Fetch, func(req kmsg.Request, pass func(kmsg.Request) kmsg.Response) (kmsg.Response, bool) {
				res, ok := pass(req).(*kmsg.FetchResponse)
				if !ok {
					return nil, true
				}
				if asked.Add(1) == 1 {
					spoil(f, res)
				}
				return res, false
			})
			b, err := c.Reader(topic, 0).Fetch(within(t), 1, time.Second)
			if err != nil || len(b.Records) != 2 || b.Next != 3 || string(b.Records[0].Value) != "1" {
				t.Errorf("Fetch = %v, go on at %d, %v", described(b.Records), b.Next, err)
			}
			if n := asked.Load(); n != 2 {
				t.Errorf("the broker was asked %d times, want 2", n)
			}
		})
	}
}

func halve(b *[]byte) { *b = (*b)[:len(*b)/2] }

// The answer to a fetch that was given up may arrive while the records of the next
// fetch are in use. It must not change them.
func TestALateAnswerDisturbsNobody(t *testing.T) {
	f := newProxy(t, embedded(t, broker.Config{}))
	topic, c := f.topic(t, 1, nil), f.open(t)
	write(t, c, topic, 0, values("first"))
	write(t, c, topic, 0, values("second"))
	arrived, late, answered := make(chan bool), make(chan bool), make(chan bool)
	var asked atomic.Int32
	f.on(kmsg.Fetch, func(req kmsg.Request, pass func(kmsg.Request) kmsg.Response) (kmsg.Response, bool) {
		if asked.Add(1) == 2 {
			close(arrived)
			<-late
			defer close(answered)
		}
		return noFault(req, pass)
	})
	r := c.Reader(topic, 0)
	if _, err := r.Fetch(within(t), 0, time.Second); err != nil { // from now on the reader has a buffer
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(within(t))
	go func() { <-arrived; cancel() }()
	if _, err := r.Fetch(ctx, 0, time.Second); !errors.Is(err, context.Canceled) {
		t.Fatalf("Fetch = %v, want the context's error", err)
	}
	b, err := r.Fetch(within(t), 1, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	close(late)
	receive(t, answered)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 100 { // while it is on its way, and is read
		if len(b.Records) != 1 || string(b.Records[0].Value) != "second" {
			t.Fatalf("read %v, want second", described(b.Records))
		}
		<-tick.C
	}
}

// A batch that cannot be read is skipped if fetching it again could not help, which is
// so if its checksum is right. Else it is fetched again, and the error names it.
func TestABatchThatCannotBeRead(t *testing.T) {
	t.Parallel()
	const magicAt, valueAt = 16, -2 // where the number of the message format is, and a byte of the value
	t.Run("is skipped", func(t *testing.T) {
		t.Parallel()
		topic, c := writeAndSpoil(t, magicAt)
		b, err := c.Reader(topic, 0).Fetch(within(t), 0, time.Second)
		if err != nil || len(b.Records) > 0 || len(b.Skipped) != 1 || b.Next != 1 {
			t.Fatalf("Fetch = %+v, %v, want one batch skipped", b, err)
		}
		if s := b.Skipped[0]; s.From != 0 || s.To != 1 || !strings.Contains(s.Reason.Error(), "message format 3") {
			t.Errorf("skipped %+v, want offset 0 for its format", s)
		}
	})
	t.Run("is fetched again", func(t *testing.T) {
		t.Parallel()
		topic, c := writeAndSpoil(t, valueAt)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Reader(topic, 0).Fetch(ctx, 0, time.Millisecond)
		damaged, ok := errors.AsType[*kafka.DamagedError](err)
		if !ok || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), topic+"/0 is damaged from offset 0 on: batch at offset 0: its checksum") {
			t.Errorf("Fetch = %v, want one that names the partition and the offset; %+v", err, damaged)
		}
	})
}

// writeAndSpoil writes a record to a topic of one partition. Each time that it is
// fetched, a byte of its batch is another. A negative place counts from the end.
func writeAndSpoil(t *testing.T, at int) (topic string, c *kafka.Client) {
	t.Helper()
	f := newProxy(t, embedded(t, broker.Config{}))
	topic, c = f.topic(t, 1, nil), f.open(t)
	write(t, c, topic, 0, values("x"))
	f.on(kmsg.Fetch, func(req kmsg.Request, pass func(kmsg.Request) kmsg.Response) (kmsg.Response, bool) {
		res, ok := pass(req).(*kmsg.FetchResponse)
		if !ok {
			return nil, true
		}
		for _, t := range res.Topics {
			for _, p := range t.Partitions {
				if n := len(p.RecordBatches); n > 0 {
					p.RecordBatches[(at+n)%n] |= 3
				}
			}
		}
		return res, false
	})
	return topic, c
}
