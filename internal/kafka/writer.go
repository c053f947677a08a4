package kafka

import (
	"context"
	"fmt"

	"github.com/segmentio/kafka-go"

	"github.com/emostream/emostream/internal/stream"
)

// Writer returns a writer to a topic. Its records may be written twice; see
// stream.Writer. It is safe for concurrent use.
func (c *Client) Writer(topic string) stream.Writer { return writer{c, topic} }

type writer struct {
	client *Client
	topic  string
}

func (w writer) Write(ctx context.Context, partition int, records []stream.Record) error {
	runs, err := splitIntoBatches(records)
	if err != nil {
		return fmt.Errorf("write to %s: %w", w.topic, err)
	}
	for _, run := range runs {
		raw := encodeBatch(run, noProducerID(), -1)
		err := w.client.retry(ctx, func(ctx context.Context) error {
			return w.client.produce(ctx, w.topic, partition, raw)
		})
		if err != nil {
			return fmt.Errorf("write to %s/%d: %w", w.topic, partition, err)
		}
	}
	return nil
}

// produce sends an encoded batch once, and waits until all replicas in sync have it.
// The error is the broker's answer, or says why there is none.
func (c *Client) produce(ctx context.Context, topic string, partition int, raw []byte) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := c.api.RawProduce(ctx, &kafka.RawProduceRequest{
		Topic:        topic,
		Partition:    partition,
		RequiredAcks: kafka.RequireAll,
		RawRecords:   rawRecords(raw),
	})
	if err == nil {
		err = res.Error
	}
	return adviseACL(c.orForbidden(ctx, topic, err), "Write", "topic "+topic)
}
