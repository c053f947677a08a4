package kafka_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
)

// If a topic gets more partitions while Consume reads it, Consume returns an error that
// names the topic. Counts made with the old number of partitions would be wrong from
// then on.
func TestAnotherNumberOfPartitionsIsNamed(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k cluster) {
		topic, c := k.topic(t, 2, nil), k.open(t)
		claimed, ended := make(chan int, 100), make(chan error, 1)
		go func() {
			ended <- c.Consume(within(t), unique(t), topic, func(ctx context.Context, claim stream.Claim) error {
				claimed <- claim.Partition
				<-ctx.Done()
				return ctx.Err()
			})
		}()
		receive(t, claimed)
		res, err := k.kafkaGoClient(t).CreatePartitions(within(t), &kafkago.CreatePartitionsRequest{
			Topics: []kafkago.TopicPartitionsConfig{{Name: topic, Count: 3}},
		})
		if err != nil || res.Errors[topic] != nil {
			t.Fatalf("CreatePartitions: %v, %v", err, res)
		}
		err = receive(t, ended)
		if err == nil || !strings.Contains(err.Error(), topic+" had 2 partitions") || !strings.Contains(err.Error(), "has 3 now") {
			t.Errorf("Consume = %v, want an error that names the topic and both numbers", err)
		}
	})
}

// A topic may not exist when partitions are assigned, as after the restart of a broker
// that keeps no log. It is claimed when it exists again.
func TestATopicThatIsMadeAnewIsClaimedAgain(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k cluster) {
		const partitions = 2
		topic, c, group := k.topic(t, partitions, nil), k.open(t), unique(t)
		claimed, released, ended := make(chan int, 100), make(chan int, 100), make(chan error, 1)
		ctx, stop := context.WithCancel(within(t))
		go func() {
			ended <- c.Consume(ctx, group, topic, func(ctx context.Context, claim stream.Claim) error {
				claimed <- claim.Partition
				<-ctx.Done()
				released <- claim.Partition
				return ctx.Err()
			})
		}()
		for range partitions {
			receive(t, claimed)
		}
		res, err := k.kafkaGoClient(t).DeleteTopics(within(t), &kafkago.DeleteTopicsRequest{Topics: []string{topic}})
		if err != nil || res.Errors[topic] != nil {
			t.Fatalf("DeleteTopics: %v, %v", err, res)
		}
		// A member that comes and goes causes an assignment while there are no
		// partitions.
		guest, err := kafkago.NewConsumerGroup(kafkago.ConsumerGroupConfig{ID: group, Brokers: k.brokers, Topics: []string{topic}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := guest.Next(within(t)); err != nil {
			t.Fatal(err)
		}
		for range partitions {
			receive(t, released)
		}
		if err := guest.Close(); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error {
			if g, err := c.Group(within(t), group); err != nil || g.State != "Stable" || g.Members != 1 {
				return fmt.Errorf("the group is %v, %w", g, err)
			}
			return nil
		})
		// This uses another client, since c may remember the topic.
		made, err := k.open(t).EnsureTopics(within(t), kafka.Topic{Name: topic, Partitions: partitions})
		if err != nil || len(made) != 1 {
			t.Fatalf("EnsureTopics = %q, %v", made, err)
		}
		for range partitions {
			receive(t, claimed)
		}
		stop()
		if err := receive(t, ended); err != nil {
			t.Errorf("Consume = %v", err)
		}
	})
}
