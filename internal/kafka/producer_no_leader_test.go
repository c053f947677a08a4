package kafka_test

import (
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
)

// Where a partition has no leader, or the topic is gone, the batch was never sent. So it is
// not in doubt, also on the embedded broker.
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
			eventually(t, func() error { return p.Append(t.Context(), values("before")) })
			f.on(kmsg.Metadata, func(req kmsg.Request, pass func(kmsg.Request) kmsg.Response) (kmsg.Response, bool) {
				m, ok := pass(req).(*kmsg.MetadataResponse)
				if !ok {
					return nil, true
				}
				test.spoil(m)
				return m, false
			})
			n := 1 // that are in the log
			eventually(t, func() error {
				err := p.Append(t.Context(), values("it"))
				switch {
				case err == nil:
					n++
					return errors.New("the client has not noticed yet")
				case !errors.Is(err, stream.ErrNotWritten):
					t.Errorf("Append = %v, want %v", err, stream.ErrNotWritten)
				}
				return nil
			})
			f.on(kmsg.Metadata, nil)
			eventually(t, func() error {
				err := p.Append(t.Context(), values("after"))
				if err == nil {
					n++
				}
				return err
			})
			got := 0
			for _, c := range copies(t, c, topic, 1) {
				got += c
			}
			if got != n {
				t.Errorf("%d records are in the log, want the %d that were acknowledged", got, n)
			}
		})
	}
}
