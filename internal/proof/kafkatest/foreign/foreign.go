// Package foreign is another program that writes to our topics, for tests: with
// transactions that it commits, aborts or leaves open, and with batches that nobody can
// read.
package foreign

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/compress"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/stream"
)

// testTimeout is how long one call may take.
const testTimeout = time.Minute

// Transactions is a program with a transactional id.
type Transactions struct {
	tb testing.TB
	c  *kgo.Client
}

// Begin starts a program with a transactional id, and begins a transaction. If another
// one has the same id, it cannot write any more, and its open transaction is aborted.
// The program ends with the test.
func Begin(tb testing.TB, brokers []string, id string) *Transactions {
	tb.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.TransactionalID(id), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	t := &Transactions{tb, c}
	t.again()
	return t
}

func (t *Transactions) again() {
	t.tb.Helper()
	if err := t.c.BeginTransaction(); err != nil {
		t.tb.Fatal(err)
	}
}

// Write writes records in the transaction, and waits until Kafka has them.
func (t *Transactions) Write(topic string, partition int, records ...stream.Record) {
	t.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	var theirs []*kgo.Record
	for _, r := range records {
		out := &kgo.Record{Topic: topic, Partition: int32(partition), Key: r.Key, Value: r.Value, Timestamp: time.UnixMilli(r.Time)}
		for _, h := range r.Headers {
			out.Headers = append(out.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		theirs = append(theirs, out)
	}
	if err := t.c.ProduceSync(ctx, theirs...).FirstErr(); err != nil {
		t.tb.Fatal(err)
	}
}

// Commit ends the transaction, and begins the next one.
func (t *Transactions) Commit() {
	t.tb.Helper()
	t.end(kgo.TryCommit)
	t.again()
}

// Abort ends the transaction and takes back what it wrote, and begins the next one.
func (t *Transactions) Abort() {
	t.tb.Helper()
	t.end(kgo.TryAbort)
	t.again()
}

func (t *Transactions) end(how kgo.TransactionEndTry) {
	t.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	if err := t.c.EndTransaction(ctx, how); err != nil {
		t.tb.Fatal(err)
	}
}

// Produce appends a batch to a partition as it is, byte for byte. It returns an error if
// the broker refuses the batch.
func Produce(tb testing.TB, brokers []string, topic string, partition int, batch []byte) error {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	c, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		tb.Fatal(err)
	}
	defer c.Close()
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = int32(partition), batch
	t := kmsg.NewProduceRequestTopic()
	t.Topic, t.Partitions = topic, []kmsg.ProduceRequestTopicPartition{p}
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis, req.Topics = -1, int32(testTimeout.Milliseconds()), []kmsg.ProduceRequestTopic{t}
	res, err := c.Request(ctx, req)
	if err != nil {
		tb.Fatal(err)
	}
	produced, ok := res.(*kmsg.ProduceResponse)
	if !ok || len(produced.Topics) != 1 || len(produced.Topics[0].Partitions) != 1 {
		return errors.New("the broker did not answer for the partition")
	}
	if err := kerr.ErrorForCode(produced.Topics[0].Partitions[0].ErrorCode); err != nil {
		return fmt.Errorf("the broker refused the batch: %w", err)
	}
	return nil
}

// Zeros returns a batch of one record, of n zeros, which zstd makes small.
func Zeros(tb testing.TB, n int) []byte {
	tb.Helper()
	r := kmsg.Record{Value: make([]byte, n)}
	one := r.AppendTo(nil)[1:]
	records := append(binary.AppendVarint(nil, int64(len(one))), one...)
	var small bytes.Buffer
	w := compress.Zstd.Codec().NewWriter(&small)
	if _, err := w.Write(records); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return Batch(1, protocol.Zstd, small.Bytes())
}

// Batch returns a batch that says that it has so many records, with a right checksum,
// whatever records holds.
func Batch(n int, attributes protocol.Attributes, records []byte) []byte {
	now := time.Now().UnixMilli()
	b := kmsg.RecordBatch{
		LastOffsetDelta: int32(n - 1), Magic: 2, Attributes: int16(attributes), FirstTimestamp: now, MaxTimestamp: now,
		PartitionLeaderEpoch: -1, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: int32(n), Records: records,
	}
	const lengthAt, lengthFrom, sumAt, sumFrom = 8, 12, 17, 21
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[lengthAt:], uint32(len(raw)-lengthFrom))
	binary.BigEndian.PutUint32(raw[sumAt:], crc32.Checksum(raw[sumFrom:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}
