package kafka

import (
	"context"
	"fmt"

	"github.com/segmentio/kafka-go"
)

// producerID takes a new producer id of the cluster.
func (c *Client) producerID(ctx context.Context) (pid producerID, err error) {
	err = c.retry(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		res, err := c.api.InitProducerID(ctx, &kafka.InitProducerIDRequest{ProducerID: -1, ProducerEpoch: -1})
		if err != nil {
			return err
		}
		if res.Error != nil {
			return res.Error
		}
		pid = producerID{id: int64(res.Producer.ProducerID), epoch: int16(res.Producer.ProducerEpoch)}
		return nil
	})
	if err != nil {
		return pid, fmt.Errorf("get a producer id: %w", adviseACL(err, "Write", "a topic, or, before Apache Kafka 2.8, IdempotentWrite on the cluster"))
	}
	return pid, nil
}

// producerID is what makes a producer idempotent: the broker writes a batch
// once, however often it arrives, if its sequence follows the one before.
type producerID struct {
	id    int64
	epoch int16
}

// nobody is the producer id of batches that need not be written once only.
func noProducerID() producerID { return producerID{id: -1, epoch: -1} }
