package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"

	"github.com/emostream/emostream/internal/stream"
)

// Committed fetches a group's commit of a partition: offset and metadata, from one
// answer. Work on the partition goes on there after a restart. Without a commit the
// offset is stream.None.
func (c *Client) Committed(ctx context.Context, group, topic string, partition int) (stream.Commit, error) {
	commit := stream.Commit{Offset: stream.None}
	err := c.retry(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		res, err := c.api.OffsetFetch(ctx, &kafka.OffsetFetchRequest{
			GroupID: group,
			Topics:  map[string][]int{topic: {partition}},
		})
		if err != nil {
			return err
		}
		if res.Error != nil {
			return res.Error
		}
		for _, p := range res.Topics[topic] {
			if p.Error != nil {
				return p.Error
			}
			if p.Partition == partition && p.CommittedOffset >= 0 {
				commit = stream.Commit{Offset: p.CommittedOffset, Metadata: p.Metadata}
			}
		}
		return nil
	})
	if err != nil {
		return commit, fmt.Errorf("fetch commit of group %s for %s/%d: %w", group, topic, partition, adviseACL(err, "Read", "group "+group))
	}
	return commit, nil
}

// committer commits the offsets of one partition for one generation of a group.
type committer struct {
	member    *member
	gen       *kafka.Generation
	partition int
}

func (o committer) Commit(ctx context.Context, commit stream.Commit) error {
	m := o.member
	err := m.client.retry(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		res, err := m.client.api.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
			GroupID:      m.group,
			GenerationID: int(o.gen.ID),
			MemberID:     o.gen.MemberID,
			Topics: map[string][]kafka.OffsetCommit{m.topic: {{
				Partition: o.partition, Offset: commit.Offset, Metadata: commit.Metadata,
			}}},
		})
		if err != nil {
			return err
		}
		for _, p := range res.Topics[m.topic] {
			switch {
			case errors.Is(p.Error, kafka.IllegalGeneration), errors.Is(p.Error, kafka.UnknownMemberId),
				errors.Is(p.Error, kafka.RebalanceInProgress), errors.Is(p.Error, kafka.FencedInstanceID):
				return fencedError{p.Error}
			case p.Error != nil:
				return p.Error
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("commit %s/%d of group %s: %w", m.topic, o.partition, m.group, adviseACL(err, "Read", "group "+m.group))
	}
	return nil
}

// fencedError wraps a broker's answer that a claim is over. errors.Is finds
// stream.ErrFenced in it.
type fencedError struct{ error }

func (f fencedError) Is(target error) bool { return target == stream.ErrFenced }

func (f fencedError) Unwrap() error { return f.error }
