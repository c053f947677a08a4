package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
)

func TestShutdownFinishesWhatIsInFlight(t *testing.T) {
	f := newProxy(t, embedded(t, broker.Config{}))
	topic, c := f.topic(t, 1, nil), f.open(t)
	p, stop := start(t, c, kafka.ProducerConfig{Topic: topic, Timeout: testTimeout})
	g := f.holdProduce()
	inFlight := appending(t.Context(), p, values("in flight"))
	receive(t, g.arrived)
	waiting := appending(t.Context(), p, values("waiting"))
	eventually(t, func() error {
		if n := p.Waiting(); n != 1 {
			return fmt.Errorf("%d are waiting, want 1", n)
		}
		return nil
	})
	stopped := make(chan struct{})
	go func() {
		stop()
		close(stopped)
	}()
	if err := receive(t, waiting); !errors.Is(err, stream.ErrNotWritten) {
		t.Errorf("what waited: %v, want %v", err, stream.ErrNotWritten)
	}
	if err := p.Append(t.Context(), values("late")); !errors.Is(err, stream.ErrNotWritten) {
		t.Errorf("what came later: %v, want %v", err, stream.ErrNotWritten)
	}
	noneYet(t, inFlight, "while its batch is in flight")
	select {
	case <-stopped:
		t.Error("Run has ended with a batch in flight")
	default:
	}
	g.release()
	if err := receive(t, inFlight); err != nil {
		t.Errorf("what was in flight: %v", err)
	}
	receive(t, stopped)
	if got := copies(t, c, topic, 1); len(got) != 1 || got["in flight"] != 1 {
		t.Errorf("the log holds %v", got)
	}
}

// The producer may be stopped at any moment. Every Append returns then, and what it
// returns is true.
func TestShutdownAtAnyMoment(t *testing.T) {
	k := embedded(t, broker.Config{})
	const partitions, writers = 4, 8
	topic, c := k.topic(t, partitions, nil), k.open(t)
	acknowledged := map[string]bool{}
	var mu sync.Mutex
	for round := range 200 {
		p, stop := start(t, c, kafka.ProducerConfig{Topic: topic, Timeout: testTimeout})
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		some := make(chan struct{}, 2*writers)
		for w := range writers {
			all.Go(func() {
				defer func() { some <- struct{}{} }()
				for i := 0; ; i++ {
					v := fmt.Sprintf("%d/%d/%d", round, w, i)
					err := p.Append(ctx, values(v))
					if err != nil {
						if !errors.Is(err, stream.ErrNotWritten) {
							t.Errorf("Append at the end: %v", err)
						}
						return
					}
					mu.Lock()
					acknowledged[v] = true
					mu.Unlock()
					if i == round%5 {
						some <- struct{}{}
					}
				}
			})
		}
		receive(t, some)
		stop()
		ended := make(chan struct{})
		go func() {
			all.Wait()
			close(ended)
		}()
		receive(t, ended)
		cancel()
	}
	got := copies(t, c, topic, partitions)
	for v := range acknowledged {
		if got[v] != 1 {
			t.Errorf("%s was acknowledged and is in the log %d times", v, got[v])
		}
	}
	if len(got) != len(acknowledged) {
		t.Errorf("%d records are in the log and %d were acknowledged", len(got), len(acknowledged))
	}
}

func TestShutdownBeforeThereIsABroker(t *testing.T) {
	p, stop := start(t, cluster{brokers: []string{"127.0.0.1:1"}}.open(t), kafka.ProducerConfig{Topic: "t", Timeout: testTimeout})
	waiting := appending(t.Context(), p, values("x"))
	eventually(t, func() error {
		if p.Waiting() == 0 {
			return errors.New("it is not waiting")
		}
		return nil
	})
	stop()
	if err := receive(t, waiting); !errors.Is(err, stream.ErrNotWritten) {
		t.Errorf("Append = %v, want %v", err, stream.ErrNotWritten)
	}
	if err := p.Append(t.Context(), values("x")); !errors.Is(err, stream.ErrNotWritten) {
		t.Errorf("Append after the end = %v, want %v", err, stream.ErrNotWritten)
	}
}
