package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
)

func TestAppendRefusesWhatDoesNotFit(t *testing.T) {
	k := embedded(t, broker.Config{})
	topic, c := k.topic(t, 1, nil), k.open(t)
	p, _ := start(t, c, kafka.ProducerConfig{Topic: topic, MaxBatch: 10})
	large := func(kib int) []stream.Record { return values(strings.Repeat("x", kib<<10)) }
	for _, test := range []struct {
		name    string
		records []stream.Record
		fits    bool
	}{
		{"nothing", nil, true},
		{"as many as a batch holds", values(make([]string, 10)...), true},
		{"one more than a batch holds", values(make([]string, 11)...), false},
		{"almost as large as a batch", large(899), true},
		{"a little larger than a batch", large(900), false},
		{"two that are too large together", append(large(450), large(450)...), false},
	} {
		err := p.Append(t.Context(), test.records)
		if test.fits && err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if !test.fits && !errors.Is(err, stream.ErrNotWritten) {
			t.Errorf("%s: %v, want %v", test.name, err, stream.ErrNotWritten)
		}
	}
	if n := len(read(t, c, topic, 0)); n != 11 {
		t.Errorf("the log holds %d records, want those that fitted: 11", n)
	}
}

func TestAppendRefusesWhenTheQueueIsFull(t *testing.T) {
	// Run is not called, so that everything that is appended waits.
	p := kafka.NewProducer(cluster{}.open(t), kafka.ProducerConfig{Topic: "t", MaxPending: 1000, Timeout: testTimeout})
	ctx, cancel := context.WithCancel(t.Context())
	a, b := appending(ctx, p, values(strings.Repeat("x", 500))), appending(ctx, p, values(strings.Repeat("x", 500)))
	var refused error
	select {
	case refused = <-a:
		a = b
	case refused = <-b:
	}
	if !errors.Is(refused, stream.ErrNotWritten) || !strings.Contains(refused.Error(), "waiting") {
		t.Errorf("the second of two, where one fits, was answered with %v", refused)
	}
	noneYet(t, a, "and it is the one that fits")
	cancel()
	if err := receive(t, a); !errors.Is(err, stream.ErrNotWritten) || !errors.Is(err, context.Canceled) {
		t.Errorf("what waits was cancelled and returned %v", err)
	}
	// The request that was withdrawn has freed its place.
	ended, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := p.Append(ended, values(strings.Repeat("x", 500))); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after that, Append = %v, want it to wait until its context ends", err)
	}
}

// Large requests fill only half of the queue. Above that there is room for small ones.
func TestLargeRequestsLeaveRoom(t *testing.T) {
	const half = 1 << 20
	p := kafka.NewProducer(cluster{}.open(t), kafka.ProducerConfig{Topic: "t", MaxPending: 2 * half, Timeout: testTimeout})
	ctx, cancel := context.WithCancel(t.Context())
	var all []<-chan error
	waits := func(values []stream.Record) {
		t.Helper()
		n := p.Waiting() + 1
		all = append(all, appending(ctx, p, values))
		eventually(t, func() error {
			if p.Waiting() != n {
				return fmt.Errorf("%d are waiting, want %d", p.Waiting(), n)
			}
			return nil
		})
	}
	large := values(strings.Repeat("x", 70<<10))
	for range half / (72 << 10) {
		waits(large)
	}
	if err := p.Append(ctx, large); !errors.Is(err, stream.ErrNotWritten) || !strings.Contains(err.Error(), "kept for small requests") {
		t.Errorf("a large request above half: %v", err)
	}
	for range half / (50 << 10) {
		waits(values(strings.Repeat("x", 50<<10)))
	}
	cancel()
	for _, outcome := range all {
		if err := receive(t, outcome); !errors.Is(err, context.Canceled) {
			t.Errorf("Append = %v", err)
		}
	}
}

func TestAppendThatIsCancelled(t *testing.T) {
	f := newProxy(t, embedded(t, broker.Config{}))
	topic, c := f.topic(t, 1, nil), f.open(t)
	p, _ := start(t, c, kafka.ProducerConfig{Topic: topic, Timeout: testTimeout})
	g := f.holdProduce()
	ctx, cancel := context.WithCancel(t.Context())
	inFlight := appending(ctx, p, values("in flight"))
	receive(t, g.arrived)
	waiting := appending(ctx, p, values("waiting"))
	stays := appending(t.Context(), p, values("stays"))
	eventually(t, func() error {
		if n := p.Waiting(); n != 2 {
			return fmt.Errorf("%d are waiting, want 2", n)
		}
		return nil
	})
	cancel()
	if err := receive(t, waiting); !errors.Is(err, stream.ErrNotWritten) || !errors.Is(err, context.Canceled) {
		t.Errorf("waiting: %v, want it not written, because of its context", err)
	}
	noneYet(t, inFlight, "while its batch is in flight")
	g.release()
	if err := receive(t, inFlight); err != nil {
		t.Errorf("in flight: %v; it was written, whatever its context says", err)
	}
	if err := receive(t, stays); err != nil {
		t.Errorf("beside them: %v", err)
	}
	got := copies(t, c, topic, 1)
	if len(got) != 2 || got["in flight"] != 1 || got["stays"] != 1 {
		t.Errorf("the log holds %v", got)
	}
}
