package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

// Offsets returns a partition's first offset, and the offset after its last record.
func (c *Client) Offsets(ctx context.Context, topic string, partition int) (start, end int64, err error) {
	p, err := c.listOffsets(ctx, topic, kafka.FirstOffsetOf(partition), kafka.LastOffsetOf(partition))
	return p.FirstOffset, p.LastOffset, err
}

// StableEnd returns the offset after the last record of a partition that can be read:
// the first offset of the oldest transaction that is open, or, if none is, the offset
// after the last record.
func (c *Client) StableEnd(ctx context.Context, topic string, partition int) (int64, error) {
	p, err := c.listOffsetsAt(ctx, kafka.ReadCommitted, topic, kafka.LastOffsetOf(partition))
	return p.LastOffset, err
}

// OffsetAt returns the offset of the first record of a partition that is not
// older than at, or the offset after its last record if there is none.
func (c *Client) OffsetAt(ctx context.Context, topic string, partition int, at time.Time) (int64, error) {
	p, err := c.listOffsets(ctx, topic, kafka.TimeOffsetOf(partition, at), kafka.LastOffsetOf(partition))
	if err != nil {
		return 0, err
	}
	for o := range p.Offsets {
		if o >= 0 && o != p.LastOffset {
			return o, nil
		}
	}
	return p.LastOffset, nil
}

func (c *Client) listOffsets(ctx context.Context, topic string, requests ...kafka.OffsetRequest) (kafka.PartitionOffsets, error) {
	return c.listOffsetsAt(ctx, kafka.ReadUncommitted, topic, requests...)
}

func (c *Client) listOffsetsAt(ctx context.Context, level kafka.IsolationLevel, topic string, requests ...kafka.OffsetRequest) (kafka.PartitionOffsets, error) {
	var out kafka.PartitionOffsets
	err := c.retry(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		res, err := c.api.ListOffsets(ctx, &kafka.ListOffsetsRequest{
			Topics: map[string][]kafka.OffsetRequest{topic: requests}, IsolationLevel: level,
		})
		if err != nil {
			return c.orForbidden(ctx, topic, err)
		}
		if len(res.Topics[topic]) == 0 {
			return fmt.Errorf("the broker did not answer for %s", topic)
		}
		out = res.Topics[topic][0]
		return c.orForbidden(ctx, topic, out.Error)
	})
	if err != nil {
		return out, fmt.Errorf("offsets of %s: %w", topic, adviseACL(err, "Read or Write", "topic "+topic))
	}
	return out, nil
}
