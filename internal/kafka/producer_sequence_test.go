package kafka_test

import (
	"errors"
	"math"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
)

// takeProducerID gets a producer id through kafka-go.
func (k cluster) takeProducerID(t *testing.T) (id int64, epoch int16) {
	t.Helper()
	c := k.kafkaGoClient(t)
	eventually(t, func() error { // a coordinator may have to load first
		res, err := c.InitProducerID(within(t), &kafkago.InitProducerIDRequest{ProducerID: -1, ProducerEpoch: -1})
		if err != nil {
			return err
		}
		id, epoch = int64(res.Producer.ProducerID), int16(res.Producer.ProducerEpoch)
		return res.Error
	})
	return id, epoch
}

// The producer relies on this: a broker writes a batch once, however often it arrives.
// That holds for a batch in which the sequences begin again from 0, too. The broker
// refuses a batch that leaves a gap.
func TestABatchThatComesAgainIsWrittenOnce(t *testing.T) {
	onEach(t, func(t *testing.T, k cluster) {
		topic, c := k.topic(t, 1, nil), k.open(t)
		id, epoch := k.takeProducerID(t)
		for range 3 {
			if err := c.ProduceAs(within(t), topic, values("a", "b", "c", "d"), id, epoch, 0); err != nil {
				t.Errorf("from the start: %v", err)
			}
		}
		if err := c.ProduceAs(within(t), topic, values("gap"), id, epoch, 5); !errors.Is(err, kafkago.OutOfOrderSequenceNumber) {
			t.Errorf("a batch that leaves a gap: %v, want %v", err, kafkago.OutOfOrderSequenceNumber)
		}
		if err := c.ProduceAs(within(t), topic, values("e"), id, epoch, 4); err != nil {
			t.Errorf("the batch that follows: %v", err)
		}
		id, epoch = k.takeProducerID(t)
		for range 3 {
			if err := c.ProduceAs(within(t), topic, values("f", "g", "h", "i"), id, epoch, math.MaxInt32-1); err != nil {
				t.Errorf("over the end of the sequences: %v", err)
			}
		}
		got := ""
		for _, r := range read(t, c, topic, 0) {
			got += string(r.Value)
		}
		if got != "abcdefghi" {
			t.Errorf("the log holds %q, want each once: abcdefghi", got)
		}
	})
}

// A broker refuses records whose time is too far ahead, and the producer calls them not
// written. The embedded broker has no limit, since its clock is this machine's.
func TestATimeAheadIsNotWritten(t *testing.T) {
	k, ok := apache()
	if !ok {
		t.Skip("needs Apache Kafka")
	}
	topic, c := k.topic(t, 1, map[string]string{"message.timestamp.after.max.ms": "5000"}), k.open(t)
	p, _ := start(t, c, kafka.ProducerConfig{Topic: topic})
	for _, test := range []struct {
		ahead time.Duration
		want  error
	}{{0, nil}, {time.Minute, stream.ErrNotWritten}, {0, nil}} {
		records := []stream.Record{{Time: time.Now().Add(test.ahead).UnixMilli(), Value: []byte("x")}}
		if err := p.Append(t.Context(), records); !errors.Is(err, test.want) {
			t.Errorf("%v ahead: %v, want %v", test.ahead, err, test.want)
		}
	}
	if n := len(read(t, c, topic, 0)); n != 2 {
		t.Errorf("%d records are in the log, want 2", n)
	}
}
