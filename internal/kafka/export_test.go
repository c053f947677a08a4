package kafka

import (
	"context"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/stream"
)

// Waiting returns how many calls of Append wait for a batch.
func (p *Producer) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue)
}

// ProduceAs writes records to partition 0 as one batch with a producer id and a sequence.
func (c *Client) ProduceAs(ctx context.Context, topic string, records []stream.Record, id int64, epoch int16, sequence int32) error {
	return c.produce(ctx, topic, 0, encodeBatch(records, producerID{id, epoch}, sequence))
}

// Model is a model of the brokers that a producer writes to.
type Model interface {
	Produce(ctx context.Context, partition int, raw []byte) error
	ProducerID(ctx context.Context) (int64, error)
}

// NewModelProducer returns a producer that writes to a model.
func NewModelProducer(m Model, cfg ProducerConfig) *Producer {
	return newProducer(modelBrokers{m}, &outage{log: slog.New(slog.DiscardHandler)}, cfg)
}

// RunPartitions runs the producer on a number of partitions until ctx ends.
func (p *Producer) RunPartitions(ctx context.Context, partitions int, embedded bool) {
	p.runPartitions(ctx, partitions, embedded)
}

type modelBrokers struct{ m Model }

func (b modelBrokers) leaderAnswers(ctx context.Context, _ string, partition int) error {
	if m, ok := b.m.(interface {
		LeaderAnswers(ctx context.Context, partition int) error
	}); ok {
		return m.LeaderAnswers(ctx, partition)
	}
	return nil
}

func (b modelBrokers) produce(ctx context.Context, _ string, partition int, raw []byte) error {
	const sizeLen = 4 // before the batch
	return b.m.Produce(ctx, partition, raw[sizeLen:])
}

func (b modelBrokers) producerID(ctx context.Context) (producerID, error) {
	id, err := b.m.ProducerID(ctx)
	return producerID{id: id}, err
}

// Decoder decodes record batches as a reader does.
type Decoder struct{ d decoder }

// MaxDecodedBytes is how much memory the records of an answer may take.
const MaxDecodedBytes = maxDecodedBytes

// Decode decodes the batches in an answer to a fetch from offset on.
func (d *Decoder) Decode(batches []byte, aborted []kmsg.FetchResponseTopicPartitionAbortedTransaction, offset int64) (stream.Batch, error) {
	out, err := d.d.decode(batches, aborted, offset)
	return stream.Batch{Records: out.records, Skipped: out.skipped, Next: out.next}, err
}

// WithTopicID returns the metadata of a commit in a topic with an id, which must have 16
// bytes, and what a reader of the commit takes from it.
func WithTopicID(metadata, id string) (written, read, readID string) {
	written = addTopicID(metadata, topicID([]byte(id)))
	read, of := cutTopicID(written)
	return written, read, string(of[:])
}
