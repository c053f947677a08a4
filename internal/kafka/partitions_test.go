package kafka_test

import (
	"context"
	"strings"
	"testing"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/emostream/emostream/internal/stream"
)

// A topic that gets more partitions under those who read it is named, and not
// read on as if nothing were: who counts would count them apart.
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
		res, err := k.theirs(t).CreatePartitions(within(t), &kafkago.CreatePartitionsRequest{
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
