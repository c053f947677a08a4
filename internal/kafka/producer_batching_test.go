package kafka_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/stream"
)

// slowBrokers take the same time for every batch, and record when each arrived.
type slowBrokers struct {
	t     *testing.T
	began time.Time
	takes time.Duration

	mu       sync.Mutex
	arrivals []arrival
}

// arrival is a batch that arrived.
type arrival struct {
	At        time.Duration
	Partition int
	Records   int
}

// Produce implements kafka.Model.
func (s *slowBrokers) Produce(ctx context.Context, partition int, raw []byte) error {
	s.mu.Lock()
	s.arrivals = append(s.arrivals, arrival{time.Since(s.began), partition, len(decodeBatch(s.t, raw).values)})
	s.mu.Unlock()
	return sleep.For(ctx, s.takes)
}

// ProducerID implements kafka.Model.
func (s *slowBrokers) ProducerID(context.Context) (int64, error) { return 1, nil }

// Compares when batches are sent, and to which partitions. The time is simulated; each
// batch takes 100 ms.
func TestBatching(t *testing.T) {
	const ms = time.Millisecond
	many := func(n int) []stream.Record { return values(make([]string, n)...) }
	large := values(strings.Repeat("x", 64<<10))
	type handedIn struct {
		at      time.Duration
		records []stream.Record
	}
	for name, tt := range map[string]struct {
		cfg     kafka.ProducerConfig
		appends []handedIn
		want    []arrival
	}{
		"alone, at once, and round the partitions": {
			kafka.ProducerConfig{Linger: time.Second},
			[]handedIn{{0, many(1)}, {200 * ms, many(1)}, {400 * ms, many(1)}, {600 * ms, many(1)}},
			[]arrival{{0, 0, 1}, {200 * ms, 1, 1}, {400 * ms, 2, 1}, {600 * ms, 0, 1}},
		},
		"what arrives meanwhile goes together when the one in flight is back": {
			kafka.ProducerConfig{Linger: time.Second},
			[]handedIn{{0, many(1)}, {10 * ms, many(2)}, {20 * ms, many(1)}, {99 * ms, many(1)}},
			[]arrival{{0, 0, 1}, {100 * ms, 1, 4}},
		},
		"what has lingered goes beside it": {
			kafka.ProducerConfig{Linger: 20 * ms},
			[]handedIn{{0, many(1)}, {10 * ms, many(1)}, {25 * ms, many(1)}, {35 * ms, many(1)}},
			[]arrival{{0, 0, 1}, {30 * ms, 1, 2}, {55 * ms, 2, 1}},
		},
		"and when all partitions are busy, to the first that is back": {
			kafka.ProducerConfig{Linger: 20 * ms},
			[]handedIn{{0, many(1)}, {10 * ms, many(1)}, {35 * ms, many(1)}, {60 * ms, many(1)}, {70 * ms, many(1)}},
			[]arrival{{0, 0, 1}, {30 * ms, 1, 1}, {55 * ms, 2, 1}, {100 * ms, 0, 2}},
		},
		"without linger all go as long as there are partitions": {
			kafka.ProducerConfig{},
			[]handedIn{{0, many(1)}, {10 * ms, many(1)}, {20 * ms, many(1)}, {30 * ms, many(1)}},
			[]arrival{{0, 0, 1}, {10 * ms, 1, 1}, {20 * ms, 2, 1}, {100 * ms, 0, 1}},
		},
		"what is large does not wait": {
			kafka.ProducerConfig{Linger: time.Second},
			[]handedIn{{0, many(1)}, {10 * ms, many(1)}, {20 * ms, large}},
			[]arrival{{0, 0, 1}, {20 * ms, 1, 2}},
		},
		"nor does a full batch, and the rest waits for both": {
			kafka.ProducerConfig{Linger: time.Second, MaxBatch: 5},
			[]handedIn{{0, many(1)}, {10 * ms, many(3)}, {20 * ms, many(3)}},
			[]arrival{{0, 0, 1}, {20 * ms, 1, 3}, {120 * ms, 2, 3}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				brokers := &slowBrokers{t: t, began: time.Now(), takes: 100 * ms}
				p := kafka.NewModelProducer(brokers, tt.cfg)
				ctx, stop := context.WithCancel(t.Context())
				var running, appending sync.WaitGroup
				running.Go(func() { p.RunPartitions(ctx, 3, false) })
				for _, a := range tt.appends {
					synctest.Wait()
					<-time.After(a.at - time.Since(brokers.began))
					appending.Go(func() {
						if err := p.Append(t.Context(), a.records); err != nil {
							t.Errorf("Append after %v: %v", a.at, err)
						}
					})
				}
				appending.Wait()
				stop()
				running.Wait()
				if diff := cmp.Diff(tt.want, brokers.arrivals); diff != "" {
					t.Errorf("batches (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// Append may wait for a batch for half of Timeout, and no longer.
func TestAppendThatWaitsForTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		brokers := &slowBrokers{t: t, began: time.Now(), takes: time.Hour}
		p := kafka.NewModelProducer(brokers, kafka.ProducerConfig{Timeout: 4 * time.Second, Linger: time.Millisecond})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { p.RunPartitions(ctx, 1, true) })
		inFlight := appending(t.Context(), p, values("in flight"))
		synctest.Wait()
		<-time.After(time.Second)
		waits := appending(t.Context(), p, values("waits"))
		if err := <-waits; !errors.Is(err, stream.ErrNotWritten) || time.Since(brokers.began) != 3*time.Second {
			t.Errorf("after %v what waits was answered with %v, want it not written after 3s", time.Since(brokers.began), err)
		}
		if err := <-inFlight; !errors.Is(err, stream.ErrInDoubt) || time.Since(brokers.began) != 4*time.Second {
			t.Errorf("after %v what is in flight was answered with %v, want it in doubt after 4s", time.Since(brokers.began), err)
		}
		stop()
		running.Wait()
	})
}
