package kafka_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
)

// If a partition has no leader, or the topic is gone, the batch was never sent. So it
// is not in doubt, on the embedded broker too.
func TestWhatHasNowhereToGoIsNotWritten(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		spoil func(*kmsg.MetadataResponse)
	}{
		{"the partition has no leader", func(m *kmsg.MetadataResponse) {
			for _, topic := range m.Topics {
				for i := range topic.Partitions {
					topic.Partitions[i].Leader = -1
				}
			}
		}},
		{"the partition is gone", func(m *kmsg.MetadataResponse) {
			for i := range m.Topics {
				m.Topics[i].Partitions = nil
			}
		}},
		{"the topic is gone", func(m *kmsg.MetadataResponse) { m.Topics = nil }},
		{"the leader is gone", func(m *kmsg.MetadataResponse) { m.Brokers[0].NodeID++ }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newProxy(t, embedded(t, broker.Config{}))
			topic, c := f.topic(t, 1, nil), f.open(t)
			p, _ := start(t, c, kafka.ProducerConfig{Topic: topic, Timeout: time.Second})
			outcomes := map[string]error{} // of every attempt, each of a value of its own
			attempt := func(what string) error {
				value := fmt.Sprintf("%s %d", what, len(outcomes))
				err := p.Append(t.Context(), values(value))
				outcomes[value] = err
				return err
			}
			eventually(t, func() error { return attempt("before") })
			f.on(kmsg.Metadata, func(req kmsg.Request, pass func(kmsg.Request) kmsg.Response) (kmsg.Response, bool) {
				m, ok := pass(req).(*kmsg.MetadataResponse)
				if !ok {
					return nil, true
				}
				test.spoil(m)
				return m, false
			})
			eventually(t, func() error {
				err := attempt("it")
				switch {
				case err == nil:
					return errors.New("the client has not noticed yet")
				case !errors.Is(err, stream.ErrNotWritten):
					t.Errorf("Append = %v, want %v", err, stream.ErrNotWritten)
				}
				return nil
			})
			f.on(kmsg.Metadata, nil)
			eventually(t, func() error { return attempt("after") })
			got := copies(t, c, topic, 1)
			for value, err := range outcomes {
				n := got[value]
				if err == nil && n != 1 || errors.Is(err, stream.ErrNotWritten) && n != 0 || errors.Is(err, stream.ErrInDoubt) && n > 1 {
					t.Errorf("%s is in the log %d times, and Append returned %v", value, n, err)
				}
			}
		})
	}
}

// While one partition has no leader, the others take everything, and Leaders names it.
func TestOnePartitionHasNoLeader(t *testing.T) {
	t.Parallel()
	f := newProxy(t, embedded(t, broker.Config{}))
	topic, c := f.topic(t, 3, nil), f.open(t)
	p, _ := start(t, c, kafka.ProducerConfig{Topic: topic, Timeout: time.Second})
	f.on(kmsg.Metadata, func(req kmsg.Request, pass func(kmsg.Request) kmsg.Response) (kmsg.Response, bool) {
		m, ok := pass(req).(*kmsg.MetadataResponse)
		if !ok {
			return nil, true
		}
		for _, topic := range m.Topics {
			for i := range topic.Partitions {
				if topic.Partitions[i].Partition == 1 {
					topic.Partitions[i].Leader = -1
				}
			}
		}
		return m, false
	})
	eventually(t, func() error {
		away, err := c.Leaders(within(t), topic)
		if err != nil || len(away) != 1 || !strings.Contains(away[0].Error(), topic+"/1: ") {
			return fmt.Errorf("Leaders = %v, %w", away, err)
		}
		return nil
	})
	failed := 0
	for range 60 {
		if err := p.Append(t.Context(), values("x")); err != nil {
			failed++
		}
	}
	if failed > 1 {
		t.Errorf("%d of 60 appends failed, one after the other", failed)
	}
	if err := p.Err(); failed == 1 && err != nil {
		t.Errorf("Err = %v after others were written", err)
	}
	f.on(kmsg.Metadata, nil)
	var before int64
	eventually(t, func() (err error) {
		_, before, err = c.Offsets(within(t), topic, 1)
		return err
	})
	eventually(t, func() error {
		for range 3 {
			if err := p.Append(t.Context(), values("y")); err != nil {
				return err
			}
		}
		if _, end, err := c.Offsets(within(t), topic, 1); err != nil || end == before {
			return fmt.Errorf("partition 1 ends at %d, as before: %w", end, err)
		}
		return nil
	})
}
