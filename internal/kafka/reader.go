package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/stream"
)

// fetchBytes is how many bytes of records a fetch asks for at most. A larger value cost
// more memory and was not faster.
const fetchBytes = 1 << 20

// Reader returns a reader of a partition. It must not be used concurrently.
func (c *Client) Reader(topic string, partition int) stream.Reader {
	return &reader{client: c, topic: topic, partition: partition}
}

type reader struct {
	client    *Client
	topic     string
	partition int
	buf       *bytes.Buffer // holds the last answer, and is reused; nil after a request that was given up, since that request still uses it
	decoder   decoder
}

func (r *reader) Fetch(ctx context.Context, offset int64, wait time.Duration) (stream.Batch, error) {
	var b stream.Batch
	err := r.client.retry(ctx, func(ctx context.Context) (err error) {
		b, err = r.fetch(ctx, offset, wait)
		return err
	})
	if errors.Is(err, kafka.OffsetOutOfRange) {
		e := &stream.OutOfRangeError{Topic: r.topic, Partition: r.partition, Offset: offset}
		if e.Start, e.End, err = r.client.Offsets(ctx, r.topic, r.partition); err == nil {
			return stream.Batch{}, e
		}
	}
	if err != nil {
		return stream.Batch{}, fmt.Errorf("read %s/%d: %w", r.topic, r.partition, adviseACL(err, "Read", "topic "+r.topic))
	}
	return b, nil
}

// fetch makes one attempt of Fetch.
func (r *reader) fetch(ctx context.Context, offset int64, wait time.Duration) (stream.Batch, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+requestTimeout)
	defer cancel()
	b := stream.Batch{Next: offset, SentAt: time.Now()}
	msg, err := r.client.transport.RoundTrip(ctx, r.client.api.Addr, r.request(offset, wait))
	if err != nil {
		return b, r.client.orForbidden(ctx, r.topic, err)
	}
	res := msg.(*fetchResponse)
	r.buf = res.buf
	p, err := res.partition()
	if err != nil {
		return b, err
	}
	b.HighWatermark = p.HighWatermark
	if b.Records, b.Next, err = r.decoder.decode(p.RecordBatches, offset); err != nil {
		return b, fmt.Errorf("decode records from offset %d on: %w", offset, err)
	}
	return b, nil
}

// request returns a request for records. The request owns r.buf until it is answered.
func (r *reader) request(offset int64, wait time.Duration) *fetchRequest {
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = int32(r.partition), offset, fetchBytes
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.Partitions = r.topic, []kmsg.FetchRequestTopicPartition{p}
	f := &fetchRequest{clientID: r.client.cfg.ClientID, FetchRequest: kmsg.NewFetchRequest(), buf: r.buf}
	f.MinBytes, f.MaxBytes, f.MaxWaitMillis = 1, fetchBytes, int32(max(wait.Milliseconds(), 1))
	f.Topics = []kmsg.FetchRequestTopic{t}
	r.buf = nil
	if f.buf == nil {
		f.buf = new(bytes.Buffer)
	}
	return f
}
