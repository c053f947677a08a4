package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/stream"
)

// fetchBytes is how many bytes of records a fetch asks for at most. A larger value cost
// more memory and was not faster.
const fetchBytes = 1 << 20

// readCommitted is the isolation level of fetches. At this level a broker gives only
// what is before the first record of a transaction that is open, and says which
// transactions were aborted.
const readCommitted = 1

// Reader returns a reader of a partition. It must not be used concurrently.
func (c *Client) Reader(topic string, partition int) stream.Reader {
	return &reader{client: c, topic: topic, partition: partition}
}

// readerOf returns a reader of the topic that has the id.
func (c *Client) readerOf(id topicID, topic string, partition int) stream.Reader {
	return &reader{client: c, topic: topic, partition: partition, id: id, identified: true}
}

type reader struct {
	client    *Client
	topic     string
	partition int

	// The topic that is read. If another one has its name, Fetch says so.
	id         topicID
	identified bool // whether id was asked for

	buf     *bytes.Buffer // holds the last answer, and is reused; nil after a request that was given up, since that request still uses it
	decoder decoder
}

func (r *reader) Fetch(ctx context.Context, offset int64, wait time.Duration) (stream.Batch, error) {
	var b stream.Batch
	var damaged *DamagedError
	err := r.client.retry(ctx, func(ctx context.Context) (err error) {
		if !r.identified {
			now, err := r.client.identify(ctx, r.topic)
			if err != nil {
				return r.client.orForbidden(ctx, r.topic, err)
			}
			r.id, r.identified = now.id, true
		}
		b, err = r.fetch(ctx, offset, wait)
		damaged, _ = errors.AsType[*DamagedError](err)
		return r.orAnew(ctx, err)
	})
	if err != nil && damaged != nil {
		return stream.Batch{}, fmt.Errorf("%w: %w", damaged, err)
	}
	anew, isAnew := errors.AsType[*anewError](err)
	if isAnew || errors.Is(err, kafka.OffsetOutOfRange) {
		e := &stream.OutOfRangeError{Topic: r.topic, Partition: r.partition, Offset: offset, Anew: isAnew}
		if e.Start, e.End, err = r.client.Offsets(ctx, r.topic, r.partition); err == nil {
			return r.outOfRange(ctx, e, anew)
		}
	}
	if err != nil {
		return stream.Batch{}, fmt.Errorf("read %s/%d: %w", r.topic, r.partition, adviseACL(err, "Read", "topic "+r.topic))
	}
	return b, nil
}

// outOfRange returns the error of a fetch of an offset that the log does not have. If it
// has it all the same, another leader has taken over meanwhile: then it returns an empty
// batch that does not reach the end.
func (r *reader) outOfRange(ctx context.Context, e *stream.OutOfRangeError, anew *anewError) (stream.Batch, error) {
	if e.Anew {
		r.id = anew.now.id
		r.client.cfg.Logger.Info("the topic that is read was made anew", "topic", r.topic, "partition", r.partition)
		return stream.Batch{}, e
	}
	if e.Offset < e.Start || e.Offset > e.End {
		return stream.Batch{}, e
	}
	err := sleep.For(ctx, retryPause)
	return stream.Batch{Next: e.Offset, HighWatermark: e.End + 1}, err
}

// retryPause is how long a reader waits for a leader that has just taken over.
const retryPause = 100 * time.Millisecond

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
	if p.LastStableOffset >= 0 { // older brokers than Kafka 0.11 do not say it
		b.Unstable = max(0, p.HighWatermark-p.LastStableOffset)
	}
	d, err := r.decoder.decode(p.RecordBatches, p.AbortedTransactions, offset)
	if err != nil {
		return b, &DamagedError{r.topic, r.partition, offset, err}
	}
	b.Records, b.Skipped, b.Next = d.records, d.skipped, d.next
	return b, nil
}

// orAnew returns err. But if the topic's name belongs to another topic now, it returns
// an *anewError.
func (r *reader) orAnew(ctx context.Context, err error) error {
	if !mayBeAnew(err) {
		return err
	}
	if now, asked := r.client.identify(ctx, r.topic); asked == nil && now.id != r.id {
		return &anewError{r.topic, now}
	}
	return err
}

// DamagedError says that the brokers answer with a batch that has a wrong checksum, or
// is not whole. The reader asks for it again and again, since it may have been damaged
// on its way, and another broker may have it whole.
type DamagedError struct {
	Topic     string
	Partition int
	Offset    int64 // that was asked for
	Problem   error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s/%d is damaged from offset %d on: %v", e.Topic, e.Partition, e.Offset, e.Problem)
}

// request returns a request for records. The request owns r.buf until it is answered.
func (r *reader) request(offset int64, wait time.Duration) *fetchRequest {
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = int32(r.partition), offset, fetchBytes
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID, t.Partitions = r.topic, r.id, []kmsg.FetchRequestTopicPartition{p}
	f := &fetchRequest{clientID: r.client.cfg.ClientID, FetchRequest: kmsg.NewFetchRequest(), buf: r.buf}
	if r.id != (topicID{}) && r.client.fetchesByID() {
		f.atLeast = fetchWithID
	}
	f.IsolationLevel = readCommitted
	f.MinBytes, f.MaxBytes, f.MaxWaitMillis = 1, fetchBytes, int32(max(wait.Milliseconds(), 1))
	f.Topics = []kmsg.FetchRequestTopic{t}
	r.buf = nil
	if f.buf == nil || f.buf.Cap() > maxKeptBytes {
		f.buf = new(bytes.Buffer)
	}
	return f
}
