package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

// MoveLeaders makes broker i the leader of every partition that it has a replica of,
// while all brokers go on running. A write that waits for its replicas at that moment
// is answered with an error though the record is in the log. Among the partitions are
// those of __consumer_offsets, so that the coordinators of consumer groups move too.
//
// It makes broker i the first replica of each of these partitions, which is the
// preferred leader, and has the controller elect it. It returns how many partitions
// have another leader than before.
func (c *Cluster) MoveLeaders(ctx context.Context, i int) (moved int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.broker(i); err != nil {
		return 0, err
	}
	const timeout = 30 * time.Second
	// The transport is a new one, since another may remember a broker as dead that has
	// come back.
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(c.Addrs()...), Timeout: timeout, Transport: transport}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	all, err := client.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return 0, fmt.Errorf("ask for the leaders: %w", err)
	}
	for _, topic := range all.Topics {
		n, err := moveLeaders(ctx, client, topic, i)
		if err != nil {
			return moved, fmt.Errorf("move the leaders of %s to broker %d: %w", topic.Name, i, err)
		}
		moved += n
	}
	return moved, nil
}

// moveLeaders does the work of MoveLeaders for one topic.
func moveLeaders(ctx context.Context, client *kafka.Client, topic kafka.Topic, to int) (moved int, err error) {
	var partitions []int
	var assignments []kafka.AlterPartitionReassignmentsRequestAssignment
	for _, p := range topic.Partitions {
		if p.Leader.ID == to || !contains(p.Replicas, to) {
			continue
		}
		order := []int{to}
		for _, r := range p.Replicas {
			if r.ID != to {
				order = append(order, r.ID)
			}
		}
		partitions = append(partitions, p.ID)
		assignments = append(assignments, kafka.AlterPartitionReassignmentsRequestAssignment{PartitionID: p.ID, BrokerIDs: order})
	}
	if len(partitions) == 0 {
		return 0, nil
	}
	reordered, err := client.AlterPartitionReassignments(ctx, &kafka.AlterPartitionReassignmentsRequest{Topic: topic.Name, Assignments: assignments, Timeout: client.Timeout})
	if err != nil {
		return 0, err
	}
	errs := []error{reordered.Error}
	for _, p := range reordered.PartitionResults {
		errs = append(errs, p.Error)
	}
	if err := errors.Join(errs...); err != nil {
		return 0, err
	}
	elected, err := client.ElectLeaders(ctx, &kafka.ElectLeadersRequest{Topic: topic.Name, Partitions: partitions, Timeout: client.Timeout})
	if err != nil {
		return 0, err
	}
	for _, p := range elected.PartitionResults {
		// A preferred leader that is not in sync cannot be elected, and the partition
		// keeps its leader. No election is needed if the leader has just changed.
		switch {
		case p.Error == nil:
			moved++
		case errors.Is(p.Error, kafka.PreferredLeaderNotAvailable), errors.Is(p.Error, kafka.ElectionNotNeeded):
		default:
			return moved, p.Error
		}
	}
	return moved, elected.Error
}
