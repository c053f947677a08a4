package kafka

import (
	"context"
	"fmt"

	"github.com/segmentio/kafka-go"
)

// GroupState is a consumer group as its coordinator describes it.
type GroupState struct {
	State   string // in Kafka's words: Stable, Empty, PreparingRebalance, …; Dead: no such group
	Members int
}

// Group returns the state of a consumer group. The state of a group that does not exist
// is Dead.
func (c *Client) Group(ctx context.Context, group string) (GroupState, error) {
	var s GroupState
	err := c.retry(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		res, err := c.api.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{group}})
		switch {
		case err != nil:
			return err
		case len(res.Groups) != 1:
			return fmt.Errorf("the broker did not answer for %s", group)
		case res.Groups[0].Error != nil:
			return adviseACL(res.Groups[0].Error, "Describe", "group "+group)
		}
		s = GroupState{res.Groups[0].GroupState, len(res.Groups[0].Members)}
		return nil
	})
	if err != nil {
		return s, fmt.Errorf("describe group %s: %w", group, err)
	}
	return s, nil
}
