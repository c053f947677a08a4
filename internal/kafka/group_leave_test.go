package kafka_test

import (
	"sync"
	"testing"

	kafkago "github.com/segmentio/kafka-go"
)

// Many members may leave at once, even in the middle of a rebalance. The group does not
// wait for the session of any of them to end.
func TestManyLeaveAtOnce(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k cluster) {
		t.Parallel()
		const partitions, leavers, rounds = 6, 4, 5
		topic, group := k.topic(t, partitions, nil), unique(t)
		stays := join(t, k.open(t), group, topic)
		for range rounds {
			all := []*member{stays}
			for range leavers {
				all = append(all, join(t, k.open(t), group, topic))
			}
			shared(t, partitions, all...)
			var leaving sync.WaitGroup
			for _, m := range all[1:] {
				leaving.Go(m.stop)
			}
			leaving.Wait()
			res, err := k.kafkaGoClient(t).DescribeGroups(within(t), &kafkago.DescribeGroupsRequest{GroupIDs: []string{group}})
			if err != nil {
				t.Fatal(err)
			}
			if n := len(res.Groups[0].Members); n != 1 {
				t.Errorf("the group has %d members when all but one have left", n)
			}
			shared(t, partitions, stays)
		}
	})
}
