package kafka_test

import (
	"sync"
	"testing"
	"time"
)

// However many leave at once, even in the middle of a rebalance, the group does
// not wait for any of them.
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
			began := time.Now()
			var leaving sync.WaitGroup
			for _, m := range all[1:] {
				leaving.Go(m.stop)
			}
			leaving.Wait()
			shared(t, partitions, stays)
			if took := time.Since(began); took > 4*time.Second {
				t.Errorf("members that left were replaced after %v: the group has waited for a session to end", took)
			}
		}
	})
}
