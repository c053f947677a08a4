package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/emostream/emostream/internal/stream"
)

// fetchBytes is how much a fetch asks for at most.
const fetchBytes = 1 << 20

// Reader returns a reader of a partition. It must not be used concurrently.
func (c *Client) Reader(topic string, partition int) stream.Reader {
	return &reader{client: c, topic: topic, partition: partition}
}

type reader struct {
	client    *Client
	topic     string
	partition int
	records   []stream.Record // of the last batch, reused
	arena     []byte          // their keys and values, reused
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
		return stream.Batch{}, fmt.Errorf("read %s/%d: %w", r.topic, r.partition, err)
	}
	return b, nil
}

func (r *reader) fetch(ctx context.Context, offset int64, wait time.Duration) (stream.Batch, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*wait+requestTimeout) // the broker is told half of it, at most
	defer cancel()
	b := stream.Batch{Next: offset, SentAt: time.Now()}
	res, err := r.client.api.Fetch(ctx, &kafka.FetchRequest{
		Topic:     r.topic,
		Partition: r.partition,
		Offset:    offset,
		MinBytes:  1,
		MaxBytes:  fetchBytes,
		MaxWait:   max(wait, time.Millisecond),
	})
	if err != nil {
		return b, err
	}
	if res.Error != nil {
		return b, res.Error
	}
	b.HighWatermark = res.HighWatermark
	r.records, r.arena = r.records[:0], r.arena[:0]
	for {
		rec, err := res.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return b, fmt.Errorf("decode records: %w", err)
		}
		if err := r.take(rec, offset); err != nil {
			return b, fmt.Errorf("decode records: %w", err)
		}
	}
	switch n := len(r.records); {
	case n > 0:
		b.Records, b.Next = r.records, r.records[n-1].Offset+1
	case anyBatch(res.Records) && offset < b.HighWatermark:
		b.Next = offset + 1 // compaction took the records from offset on out of their batch
	}
	return b, nil
}

// anyBatch says whether an answer holds a batch, be it one that compaction has
// emptied. The first one is that of the offset asked for.
func anyBatch(records protocol.RecordReader) bool {
	s, ok := records.(*protocol.RecordStream)
	return ok && len(s.Records) > 0
}

// take copies a record out of kafka-go's buffers, unless it is before offset:
// a fetch returns whole batches.
func (r *reader) take(rec *protocol.Record, offset int64) error {
	key, err := r.bytes(rec.Key)
	if err != nil {
		return err
	}
	value, err := r.bytes(rec.Value)
	if err != nil || rec.Offset < offset {
		return err
	}
	out := stream.Record{Offset: rec.Offset, Time: rec.Time.UnixMilli(), Key: key, Value: value}
	for _, h := range rec.Headers {
		out.Headers = append(out.Headers, stream.Header{Key: h.Key, Value: h.Value})
	}
	r.records = append(r.records, out)
	return nil
}

// bytes reads b into the arena. An arena that is outgrown stays alive for the
// slices that point into it.
func (r *reader) bytes(b protocol.Bytes) ([]byte, error) {
	if b == nil {
		return nil, nil
	}
	defer b.Close()
	n, at := b.Len(), len(r.arena)
	if at+n > cap(r.arena) || r.arena == nil { // nil would make an empty value a null one
		r.arena, at = make([]byte, 0, max(2*cap(r.arena), n, 64<<10)), 0
	}
	r.arena = r.arena[:at+n]
	_, err := io.ReadFull(b, r.arena[at:])
	return r.arena[at : at+n : at+n], err
}

// Offsets returns a partition's first offset and the one after its last.
func (c *Client) Offsets(ctx context.Context, topic string, partition int) (start, end int64, err error) {
	p, err := c.listOffsets(ctx, topic, kafka.FirstOffsetOf(partition), kafka.LastOffsetOf(partition))
	return p.FirstOffset, p.LastOffset, err
}

// OffsetAt returns the offset of the first record of a partition that is not
// older than at, or the offset after its last record if there is none.
func (c *Client) OffsetAt(ctx context.Context, topic string, partition int, at time.Time) (int64, error) {
	p, err := c.listOffsets(ctx, topic, kafka.TimeOffsetOf(partition, at), kafka.LastOffsetOf(partition))
	if err != nil {
		return 0, err
	}
	for o := range p.Offsets {
		if o >= 0 && o != p.LastOffset {
			return o, nil
		}
	}
	return p.LastOffset, nil
}

func (c *Client) listOffsets(ctx context.Context, topic string, requests ...kafka.OffsetRequest) (kafka.PartitionOffsets, error) {
	var out kafka.PartitionOffsets
	err := c.retry(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		res, err := c.api.ListOffsets(ctx, &kafka.ListOffsetsRequest{
			Topics: map[string][]kafka.OffsetRequest{topic: requests},
		})
		if err != nil {
			return err
		}
		if len(res.Topics[topic]) == 0 {
			return fmt.Errorf("the broker did not answer for %s", topic)
		}
		out = res.Topics[topic][0]
		return out.Error
	})
	if err != nil {
		return out, fmt.Errorf("offsets of %s: %w", topic, err)
	}
	return out, nil
}
