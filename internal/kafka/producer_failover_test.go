package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/proof/kafkatest"
	"github.com/emostream/emostream/internal/stream"
)

// outcomes holds, for each value that was given to Append, the error that Append
// returned; nil: it was acknowledged.
type outcomes struct {
	mu    sync.Mutex
	of    map[string]error // nil, or what it wraps: not written, in doubt
	acked int
}

func (o *outcomes) note(value string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.of[value] = err
	if err == nil {
		o.acked++
	}
}

func (o *outcomes) acknowledged() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.acked
}

// Every broker of a cluster is killed and comes back, one after the other, while many
// append and a group reads. What was acknowledged is in the log once. What was refused
// is not in it. No reader misses a record.
func TestEveryBrokerDiesOnce(t *testing.T) {
	k, ok := apache()
	if control := os.Getenv(kafkatest.ControlVariable); !ok || control == "" || len(k.brokers) < 3 {
		t.Skip("needs Apache Kafka with three brokers that can be killed: make test-kafka")
	}
	control := kafkatest.Control{URL: os.Getenv(kafkatest.ControlVariable)}
	const partitions, writers = 4, 16
	topic, group := k.topic(t, partitions, nil), unique(t)
	log := &logRecorder{}
	c := k.openLogging(t, log.logger())
	p, stop := start(t, c, kafka.ProducerConfig{Topic: topic, Logger: log.logger()})
	all := &outcomes{of: map[string]error{}}
	var enough atomic.Bool
	defer enough.Store(true)
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := 0; !enough.Load(); i++ {
				v := fmt.Sprintf("%d/%d", w, i)
				all.note(v, p.Append(t.Context(), values(v)))
				<-time.After(time.Millisecond) // keeps the log short
			}
		})
	}
	readers := []*follower{follow(t, k, group, topic), follow(t, k, group, topic)}

	progress := func(n int) {
		t.Helper()
		before := all.acknowledged()
		eventually(t, func() error {
			if now := all.acknowledged(); now < before+n {
				return fmt.Errorf("%d appends were acknowledged, want %d more than %d\n%s", now, n, before, log)
			}
			return nil
		})
	}
	for i := range k.brokers {
		progress(100)
		if err := control.Kill(t.Context(), i); err != nil {
			t.Fatal(err)
		}
		progress(500)
		if err := control.Start(t.Context(), i); err != nil {
			t.Fatal(err)
		}
	}
	progress(500)
	enough.Store(true)
	writing.Wait()
	stop()

	got := copies(t, k.open(t), topic, partitions)
	for v, err := range all.of {
		n := got[v]
		if err == nil && n != 1 || errors.Is(err, stream.ErrNotWritten) && n != 0 || errors.Is(err, stream.ErrInDoubt) && n > 1 {
			t.Errorf("%s is in the log %d times, and Append returned %v", v, n, err)
		}
	}
	t.Logf("%d of %d appends were acknowledged", all.acked, len(all.of))
	eventually(t, func() error {
		read := map[string]bool{}
		for _, r := range readers {
			r.mu.Lock()
			for v := range r.values {
				read[v] = true
			}
			r.mu.Unlock()
		}
		if len(read) < len(got) {
			return fmt.Errorf("the group has read %d of %d records", len(read), len(got))
		}
		return nil
	})
}

// follower is a member of a group that reads all records and commits.
type follower struct {
	mu     sync.Mutex
	values map[string]bool
}

// follow lets a follower read a topic until the test ends.
func follow(t *testing.T, k cluster, group, topic string) *follower {
	t.Helper()
	f := &follower{values: map[string]bool{}}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	c := k.open(t)
	go func() { ended <- c.Consume(ctx, group, topic, f.work) }()
	t.Cleanup(func() {
		cancel()
		if err := receive(t, ended); err != nil {
			t.Errorf("Consume = %v", err)
		}
	})
	return f
}

func (f *follower) work(ctx context.Context, claim stream.Claim) error {
	for next := max(claim.Committed.Offset, claim.Start); ; {
		b, err := claim.Log.Fetch(ctx, next, time.Second)
		if err != nil {
			return err
		}
		f.mu.Lock()
		for _, r := range b.Records {
			if r.Offset != next {
				err = fmt.Errorf("partition %d: offset %d follows where %d was to come", claim.Partition, r.Offset, next)
			}
			f.values[string(r.Value)] = true
			next = r.Offset + 1
		}
		f.mu.Unlock()
		if err != nil {
			return err
		}
		if len(b.Records) == 0 {
			continue
		}
		if err := claim.Offsets.Commit(ctx, stream.Commit{Offset: next}); err != nil {
			return err
		}
	}
}
