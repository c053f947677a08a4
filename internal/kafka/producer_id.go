package kafka

import (
	"context"
	"fmt"

	"github.com/segmentio/kafka-go"
)

// producerID identifies an idempotent producer. A broker writes each of its batches
// once, however often the batch arrives, and only if its sequence follows the one
// before.
type producerID struct {
	id    int64
	epoch int16
}

// noProducerID returns the id for batches that may be written more than once.
func noProducerID() producerID { return producerID{id: -1, epoch: -1} }

// sequence counts the records of a producer id in one partition. A batch carries the
// number of its first record.
type sequence struct {
	producer producerID
	valid    bool  // false: a new producer id must be taken for the next batch
	next     int32 // number of the next record
}

// advance counts n records that were written. When the numbers would exceed 2^31-1, it
// abandons the producer id.
func (s *sequence) advance(n int) {
	s.next += int32(n)
	if s.next < 0 {
		s.abandon()
	}
}

// abandon causes the next batch to be sent under a new producer id. It must be called
// when it is not known whether a batch was written. Otherwise the next batch could get
// the same sequence, and a broker acknowledges a batch whose sequence it knows without
// writing it.
func (s *sequence) abandon() { s.valid = false }

// producerID gets a new producer id from the cluster.
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
