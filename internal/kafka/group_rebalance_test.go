package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/stream"
)

func TestMembersShareAndHandOver(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k cluster) {
		const partitions = 4
		topic, group := k.topic(t, partitions, nil), unique(t)
		one := join(t, k.open(t), group, topic)
		shared(t, partitions, one)
		two := join(t, k.open(t), group, topic)
		shared(t, partitions, one, two)

		handed := two.held()[0]
		if err := two.claim(handed).Offsets.Commit(within(t), stream.Commit{Offset: 5, Metadata: "two's"}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		two.stop()
		shared(t, partitions, one)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("a member that left was replaced after %v: the group has waited for its session to end", took)
		}
		if got := one.claim(handed).Committed; got.Offset != 5 || got.Metadata != "two's" {
			t.Errorf("partition %d was handed over with %+v", handed, got)
		}
	})
}

// Many members may come and go at once. Consume returns only for those that leave.
func TestMembersComeAndGo(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k cluster) {
		t.Parallel()
		const partitions = 6
		topic, group := k.topic(t, partitions, nil), unique(t)
		stays := join(t, k.open(t), group, topic)
		var all sync.WaitGroup
		for range 5 {
			c := k.open(t)
			all.Go(func() {
				for range 4 {
					m := join(t, c, group, topic)
					select {
					case <-m.claims:
					case <-m.ended: // by itself: with an error, which is reported
					case <-time.After(testTimeout):
						t.Error("no claim")
					}
					m.stop()
				}
			})
		}
		all.Wait()
		shared(t, partitions, stays)
	})
}

// A member is cut off, or its process is paused. It loses its claims to the others, and
// its later commits are refused.
func TestAMemberThatDiesHandsOver(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k cluster) {
		t.Parallel() // it takes the time of a session
		const partitions = 4
		topic, group := k.topic(t, partitions, nil), unique(t)
		f := newProxy(t, k)
		lost := join(t, f.open(t), group, topic)
		shared(t, partitions, lost)
		claims := map[int]stream.Claim{}
		for p := range partitions {
			claims[p] = lost.claim(p)
		}
		if err := claims[0].Offsets.Commit(within(t), stream.Commit{Offset: 1, Metadata: "in time"}); err != nil {
			t.Fatal(err)
		}

		for _, key := range []kmsg.Key{kmsg.Heartbeat, kmsg.JoinGroup, kmsg.LeaveGroup, kmsg.SyncGroup} {
			f.on(key, requestLost)
		}
		heir := join(t, k.open(t), group, topic)
		shared(t, partitions, heir)
		if got := heir.claim(0).Committed; got.Offset != 1 || got.Metadata != "in time" {
			t.Errorf("partition 0 was handed over with %+v", got)
		}
		for p, claim := range claims {
			err := claim.Offsets.Commit(within(t), stream.Commit{Offset: 2, Metadata: "too late"})
			if !errors.Is(err, stream.ErrFenced) {
				t.Errorf("partition %d: a commit of a claim that is lost = %v, want %v", p, err, stream.ErrFenced)
			}
		}
		if err := heir.claim(0).Offsets.Commit(within(t), stream.Commit{Offset: 3}); err != nil {
			t.Errorf("a commit of the heir: %v", err)
		}

		// It comes back by itself.
		for _, key := range []kmsg.Key{kmsg.Heartbeat, kmsg.JoinGroup, kmsg.LeaveGroup, kmsg.SyncGroup} {
			f.on(key, nil)
		}
		shared(t, partitions, heir, lost)
	})
}

// When another member joins, claims may also move away from a member that is alive.
// Commits for the old generation are then refused. Commits for the new one are not.
func TestACommitOfAnOldGenerationIsFenced(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k cluster) {
		topic, group := k.topic(t, 2, nil), unique(t)
		one := join(t, k.open(t), group, topic)
		shared(t, 2, one)
		old := []stream.Claim{one.claim(0), one.claim(1)}
		two := join(t, k.open(t), group, topic)
		shared(t, 2, one, two)
		for p, claim := range old {
			if err := claim.Offsets.Commit(within(t), stream.Commit{Offset: 9}); !errors.Is(err, stream.ErrFenced) {
				t.Errorf("partition %d: Commit = %v, want %v", p, err, stream.ErrFenced)
			}
		}
		for _, m := range []*member{one, two} {
			p := m.held()[0]
			if err := m.claim(p).Offsets.Commit(within(t), stream.Commit{Offset: 1}); err != nil {
				t.Errorf("partition %d, by who holds it: %v", p, err)
			}
		}
	})
}

// If work returns ErrFenced, it is called again when its partition is claimed again.
func TestWorkThatIsFencedIsCalledAgain(t *testing.T) {
	t.Parallel()
	k := embedded(t, broker.Config{})
	topic, group, c := k.topic(t, 1, nil), unique(t), k.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first, again, ended := make(chan int, 1), make(chan int, 1), make(chan error, 1)
	var calls atomic.Int32
	go func() {
		ended <- c.Consume(ctx, group, topic, func(ctx context.Context, _ stream.Claim) error {
			if calls.Add(1) == 1 {
				first <- 1
				return fmt.Errorf("commit: %w", stream.ErrFenced)
			}
			again <- 1
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	receive(t, first)
	m := join(t, k.open(t), group, topic) // ends the generation, and gets the partition or not
	select {
	case <-again:
	case <-m.claims:
		m.stop()
		receive(t, again)
	}
	cancel()
	if err := receive(t, ended); err != nil {
		t.Errorf("Consume = %v", err)
	}
}

// The coordinator of a group may be a broker that the client does not know yet.
func TestAStrangeCoordinatorIsWaitedFor(t *testing.T) {
	f := newProxy(t, embedded(t, broker.Config{}))
	topic, c := f.topic(t, 1, nil), f.open(t)
	var mu sync.Mutex
	asked := 0
	f.on(kmsg.FindCoordinator, func(req kmsg.Request, pass func(kmsg.Request) kmsg.Response) (kmsg.Response, bool) {
		res, ok := pass(req).(*kmsg.FindCoordinatorResponse)
		if !ok {
			return nil, true
		}
		mu.Lock()
		defer mu.Unlock()
		if asked++; asked < 5 {
			res.NodeID = 99
		}
		return res, false
	})
	shared(t, 1, join(t, c, unique(t), topic))
}
