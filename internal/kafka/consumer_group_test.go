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

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
)

// member is a process in a consumer group. Its work only holds its claims.
type member struct {
	stop  func()        // leaves the group
	ended chan struct{} // closed when Consume has returned

	mu     sync.Mutex
	holds  map[int]stream.Claim
	claims chan stream.Claim // every claim, when it begins
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
		case <-time.After(testTimeout):
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

// held returns the partitions that the member holds now.
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

// shared waits until the members together hold each partition once, and each of them
// holds at least one.
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
		// The commit belongs to its group: another group has none.
		other := join(t, k.open(t), group+"-other", topic)
		shared(t, 3, other)
		if got := other.claim(1).Committed; got.Offset != stream.None {
			t.Errorf("another group finds %+v", got)
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

func TestConsumeEndsPromptlyAndLeavesNothing(t *testing.T) { // alone: it looks at all goroutines
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
