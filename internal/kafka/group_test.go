package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
)

// member is a process in a consumer group, whose work does nothing but hold its
// claims.
type member struct {
	stop  func()        // leaves the group
	ended chan struct{} // closed when Consume has returned

	mu     sync.Mutex
	holds  map[int]stream.Claim
	claims chan stream.Claim // as they come
}

// join lets a member consume a topic until it is stopped or the test ends.
func join(t *testing.T, c *kafka.Client, group, topic string) *member {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	m := &member{ended: make(chan struct{}), holds: map[int]stream.Claim{}, claims: make(chan stream.Claim, 1000)}
	go func() {
		defer close(m.ended)
		if err := c.Consume(ctx, group, topic, m.work); err != nil {
			t.Errorf("Consume = %v", err)
		}
	}()
	m.stop = func() {
		cancel()
		select {
		case <-m.ended:
		case <-time.After(patience):
			t.Error("Consume does not end")
		}
	}
	t.Cleanup(m.stop)
	return m
}

func (m *member) work(ctx context.Context, claim stream.Claim) error {
	m.mu.Lock()
	m.holds[claim.Partition] = claim
	m.mu.Unlock()
	m.claims <- claim
	<-ctx.Done()
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.holds, claim.Partition)
	return ctx.Err()
}

// held are the partitions that the member holds now.
func (m *member) held() []int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.holds))
}

func (m *member) claim(partition int) stream.Claim {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.holds[partition]
}

// shared waits until members hold all partitions between them, each one at
// least, and none twice.
func shared(t *testing.T, partitions int, members ...*member) {
	t.Helper()
	all := make([]int, partitions)
	for i := range all {
		all[i] = i
	}
	eventually(t, func() error {
		var held []int
		said := ""
		for _, m := range members {
			h := m.held()
			if len(h) == 0 {
				said += "one of them holds none; "
			}
			held = append(held, h...)
		}
		if slices.Sort(held); !slices.Equal(held, all) {
			said += fmt.Sprintf("they hold %v of %d partitions", held, partitions)
		}
		if said != "" {
			return errors.New(said)
		}
		return nil
	})
}

func TestConsumeClaimsEveryPartition(t *testing.T) {
	onEach(t, func(t *testing.T, k cluster) {
		const partitions = 5
		topic, c := k.topic(t, partitions, nil), k.open(t)
		write(t, c, topic, 3, values("0", "1", "2", "3"))
		trim(t, k, topic, 3, 1)
		m := join(t, c, unique(t), topic)
		shared(t, partitions, m)
		for p := range partitions {
			claim, end, start := m.claim(p), int64(0), int64(0)
			if p == 3 {
				start, end = 1, 4
			}
			if claim.Topic != topic || claim.Partitions != partitions || claim.Start != start || claim.End != end {
				t.Errorf("claim of partition %d: %+v", p, claim)
			}
			if want := (stream.Commit{Offset: stream.None}); claim.Committed != want {
				t.Errorf("partition %d: committed %+v, and nothing was", p, claim.Committed)
			}
		}
		b, err := m.claim(3).Log.Fetch(within(t), 1, time.Second)
		if err != nil || len(b.Records) != 3 || string(b.Records[0].Value) != "1" {
			t.Errorf("the claim's log returns %v, %v", b.Records, err)
		}
		m.stop()
		if held := m.held(); len(held) > 0 {
			t.Errorf("work on %v goes on after Consume has returned", held)
		}
	})
}

func TestCommitsComeBack(t *testing.T) {
	onEach(t, func(t *testing.T, k cluster) {
		topic, group := k.topic(t, 3, nil), unique(t)
		m := join(t, k.open(t), group, topic)
		shared(t, 3, m)
		metadata := `{"watermark":1700000000000,"closed":"🔥 \"'\\"}` + strings.Repeat(" ", 500)
		for _, c := range []stream.Commit{{Offset: 7, Metadata: "replaced"}, {Offset: 42, Metadata: metadata}} {
			if err := m.claim(1).Offsets.Commit(within(t), c); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.claim(2).Offsets.Commit(within(t), stream.Commit{Offset: 0}); err != nil {
			t.Fatal(err)
		}
		m.stop()

		m = join(t, k.open(t), group, topic)
		shared(t, 3, m)
		for p, want := range []stream.Commit{{Offset: stream.None}, {Offset: 42, Metadata: metadata}, {Offset: 0}} {
			if got := m.claim(p).Committed; got != want {
				t.Errorf("partition %d: %+v is committed, want %+v", p, got, want)
			}
		}
		// Another group knows nothing of it.
		other := join(t, k.open(t), group+"-other", topic)
		shared(t, 3, other)
		if got := other.claim(1).Committed; got.Offset != stream.None {
			t.Errorf("another group finds %+v", got)
		}
	})
}

func TestMembersShareAndHandOver(t *testing.T) {
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

// However many come and go at once, nobody's Consume ends but by its own will.
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
					case <-time.After(patience):
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

// A member that is cut off, or whose process stands still, loses its claims to
// the others; what it commits later is refused.
func TestAMemberThatDiesHandsOver(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k cluster) {
		t.Parallel() // it takes the time of a session
		const partitions = 4
		topic, group := k.topic(t, partitions, nil), unique(t)
		f := newFront(t, k)
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

// A claim passes on also from a member that is well, when another joins: then
// the old generation's commits are refused, and those of the new one are not.
func TestACommitOfAnOldGenerationIsFenced(t *testing.T) {
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

func TestWorkThatFailsEndsConsume(t *testing.T) {
	k := embedded(t, broker.Config{})
	topic, c := k.topic(t, 3, nil), k.open(t)
	broken := errors.New("broken")
	var others atomic.Int32
	working := make(chan struct{}, 2)
	err := c.Consume(within(t), unique(t), topic, func(ctx context.Context, claim stream.Claim) error {
		if claim.Partition == 1 {
			<-working
			<-working
			return fmt.Errorf("work: %w", broken)
		}
		others.Add(1)
		defer others.Add(-1)
		working <- struct{}{}
		<-ctx.Done() // the others are told
		return ctx.Err()
	})
	if !errors.Is(err, broken) {
		t.Errorf("Consume = %v, want work's error", err)
	}
	if n := others.Load(); n > 0 {
		t.Errorf("%d others are still at work", n)
	}
}

// Work that is fenced is called again when its partition is claimed again.
func TestWorkThatIsFencedIsCalledAgain(t *testing.T) {
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

// The coordinator of a group can be a broker that this client does not know yet.
func TestAStrangeCoordinatorIsWaitedFor(t *testing.T) {
	f := newFront(t, embedded(t, broker.Config{}))
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

func TestConsumeEndsPromptlyAndLeavesNothing(t *testing.T) {
	k := embedded(t, broker.Config{})
	topic := k.topic(t, 4, nil)
	c, err := kafka.Open(kafka.Config{Brokers: k.brokers})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	working := make(chan struct{}, 4)
	go func() {
		ended <- c.Consume(ctx, unique(t), topic, func(ctx context.Context, claim stream.Claim) error {
			working <- struct{}{}
			_, err := claim.Log.Fetch(ctx, 0, time.Second)
			for err == nil {
				_, err = claim.Log.Fetch(ctx, 0, time.Second)
			}
			return err
		})
	}()
	for range 4 {
		receive(t, working)
	}
	began := time.Now()
	cancel()
	if err := receive(t, ended); err != nil {
		t.Errorf("Consume = %v", err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("Consume returned after %v", took)
	}
	c.Close()
	eventually(t, func() error {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		for s := range strings.SplitSeq(string(stacks), "\n\n") {
			if strings.Contains(s, "kafka-go.") || strings.Contains(s, "internal/kafka.") {
				return fmt.Errorf("left behind:\n%s", s)
			}
		}
		return nil
	})
}

func TestConsumeThatIsCancelledBeforeItHasJoined(t *testing.T) {
	for _, k := range []struct {
		name string
		cluster
	}{
		{"no broker", cluster{brokers: []string{"127.0.0.1:1"}}},
		{"no topic", embedded(t, broker.Config{})},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		c := k.open(t)
		go func() {
			ended <- c.Consume(ctx, unique(t), unique(t), func(context.Context, stream.Claim) error {
				t.Error("there was work")
				return nil
			})
		}()
		cancel()
		if err := receive(t, ended); err != nil {
			t.Errorf("%s: Consume = %v", k.name, err)
		}
	}
}
