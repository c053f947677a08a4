package kafka_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
)

// fault is a rule that answers one produce request.
type fault func(req kmsg.Request, pass func(kmsg.Request) kmsg.Response) (res kmsg.Response, cut bool)

// noFault passes the request on and its answer back.
func noFault(req kmsg.Request, pass func(kmsg.Request) kmsg.Response) (kmsg.Response, bool) {
	res := pass(req)
	return res, res == nil
}

// answerLost breaks the connection after the broker has written.
func answerLost(req kmsg.Request, pass func(kmsg.Request) kmsg.Response) (kmsg.Response, bool) {
	pass(req)
	return nil, true
}

// requestLost breaks the connection before the broker gets the request.
func requestLost(kmsg.Request, func(kmsg.Request) kmsg.Response) (kmsg.Response, bool) {
	return nil, true
}

// requestSwallowed keeps the connection open and answers nothing.
func requestSwallowed(kmsg.Request, func(kmsg.Request) kmsg.Response) (kmsg.Response, bool) {
	return nil, false
}

// answerInstead answers with an error; the broker does not get the request.
func answerInstead(e *kerr.Error) fault {
	return func(req kmsg.Request, _ func(kmsg.Request) kmsg.Response) (kmsg.Response, bool) {
		return failed(req, req.ResponseKind().(*kmsg.ProduceResponse), e), false
	}
}

// answerAfterwards lets the broker write and answers with an error.
func answerAfterwards(e *kerr.Error) fault {
	return func(req kmsg.Request, pass func(kmsg.Request) kmsg.Response) (kmsg.Response, bool) {
		res, ok := pass(req).(*kmsg.ProduceResponse)
		if !ok {
			return nil, true
		}
		return failed(req, res, e), false
	}
}

func failed(req kmsg.Request, res *kmsg.ProduceResponse, e *kerr.Error) *kmsg.ProduceResponse {
	asked := req.(*kmsg.ProduceRequest).Topics[0]
	p := kmsg.NewProduceResponseTopicPartition()
	p.Partition, p.ErrorCode, p.BaseOffset = asked.Partitions[0].Partition, e.Code, -1
	topic := kmsg.NewProduceResponseTopic()
	topic.Topic, topic.Partitions = asked.Topic, []kmsg.ProduceResponseTopicPartition{p}
	res.Topics = []kmsg.ProduceResponseTopic{topic}
	return res
}

// inject applies the faults to the produce requests from now on, in turn. The last
// fault applies to all further requests. It returns a function that returns the batches
// that have arrived at the proxy.
func (f *proxy) inject(faults ...fault) (batches func() [][]byte) {
	var mu sync.Mutex
	var all [][]byte
	f.on(kmsg.Produce, func(req kmsg.Request, pass func(kmsg.Request) kmsg.Response) (kmsg.Response, bool) {
		mu.Lock()
		all = append(all, bytes.Clone(payload(req)))
		next := faults[min(len(all), len(faults))-1]
		mu.Unlock()
		return next(req, pass)
	})
	return func() [][]byte {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

// producerOf returns the producer id and the sequence that a batch carries.
func producerOf(t *testing.T, raw []byte) (id int64, sequence int32) {
	t.Helper()
	var b kmsg.RecordBatch
	if err := b.ReadFrom(raw); err != nil {
		t.Fatal(err)
	}
	return b.ProducerID, b.FirstSequence
}

// faultCase is a batch that meets faults, and the result that it must have.
type faultCase struct {
	name    string
	faults  []fault
	want    error // nil, ErrNotWritten or ErrInDoubt
	written int   // how often it is in the log afterwards
	sent    []int // for each time it is sent, which producer id it carries: 0 that of the batch before it, 1 the first new one
	next    int   // which producer id the batch after it carries
}

// apacheFaults returns cases for brokers that keep their sequences. A batch without an
// answer is sent again, byte for byte, until its outcome is known.
func apacheFaults() []faultCase {
	return []faultCase{
		{"nothing happens", []fault{noFault}, nil, 1, []int{0}, 0},
		{"the answer is lost", []fault{answerLost, noFault}, nil, 1, []int{0, 0}, 0},
		{"the answer is lost three times", []fault{answerLost, answerLost, answerLost, noFault}, nil, 1, []int{0, 0, 0, 0}, 0},
		{"the request is lost", []fault{requestLost, noFault}, nil, 1, []int{0, 0}, 0},
		{"the request is swallowed", []fault{requestSwallowed, noFault}, nil, 1, []int{0, 0}, 0},
		{"it times out and is written", []fault{answerAfterwards(kerr.RequestTimedOut), noFault}, nil, 1, []int{0, 0}, 0},
		{"it times out and is not written", []fault{answerInstead(kerr.RequestTimedOut), noFault}, nil, 1, []int{0, 0}, 0},
		{"too few replicas have it", []fault{answerAfterwards(kerr.NotEnoughReplicasAfterAppend), noFault}, nil, 1, []int{0, 0}, 0},
		{"an error that says nothing", []fault{answerAfterwards(kerr.UnknownServerError), noFault}, nil, 1, []int{0, 0}, 0},
		{"the second time is called a duplicate", []fault{answerLost, answerInstead(kerr.DuplicateSequenceNumber)}, nil, 1, []int{0, 0}, 0},

		{"it never gets an answer", []fault{answerLost}, stream.ErrInDoubt, 1, nil, 1},
		{"it never gets there", []fault{requestLost}, stream.ErrInDoubt, 0, nil, 1},
		{"the answer is lost, then the producer unknown", []fault{answerLost, answerInstead(kerr.UnknownProducerID)}, stream.ErrInDoubt, 1, []int{0, 0}, 1},
		{"the answer is lost, then it is refused", []fault{answerLost, answerInstead(kerr.InvalidTimestamp)}, stream.ErrInDoubt, 1, []int{0, 0}, 1},
	}
}

// embeddedFaults returns cases for the embedded broker, which forgets its sequences. A
// batch that may have been written is never sent again.
func embeddedFaults() []faultCase {
	return []faultCase{
		{"nothing happens", []fault{noFault}, nil, 1, []int{0}, 0},
		{"the answer is lost", []fault{answerLost, noFault}, stream.ErrInDoubt, 1, []int{0}, 1},
		{"the request is lost", []fault{requestLost, noFault}, stream.ErrInDoubt, 0, []int{0}, 1},
		{"the request is swallowed", []fault{requestSwallowed, noFault}, stream.ErrInDoubt, 0, []int{0}, 1},
		{"it times out", []fault{answerAfterwards(kerr.RequestTimedOut), noFault}, stream.ErrInDoubt, 1, []int{0}, 1},
		{"an error that says nothing", []fault{answerAfterwards(kerr.UnknownServerError), noFault}, stream.ErrInDoubt, 1, []int{0}, 1},
	}
}

// provenFaults returns cases for every broker: answers that prove that nothing was
// written.
func provenFaults() []faultCase {
	return []faultCase{
		{"out of order", []fault{answerInstead(kerr.OutOfOrderSequenceNumber), noFault}, nil, 1, []int{0, 1}, 1},
		{"the producer is unknown", []fault{answerInstead(kerr.UnknownProducerID), noFault}, nil, 1, []int{0, 1}, 1},
		{"the producer is fenced", []fault{answerInstead(kerr.InvalidProducerEpoch), noFault}, nil, 1, []int{0, 1}, 1},
		{"a duplicate, the first time it is sent", []fault{answerInstead(kerr.DuplicateSequenceNumber), noFault}, nil, 1, []int{0, 1}, 1},
		{"too few replicas", []fault{answerInstead(kerr.NotEnoughReplicas), noFault}, nil, 1, []int{0, 0}, 0},
		{"the leader moved", []fault{answerInstead(kerr.NotLeaderForPartition), noFault}, nil, 1, []int{0, 0}, 0},
		{"too few replicas all the time", []fault{answerInstead(kerr.NotEnoughReplicas)}, stream.ErrNotWritten, 0, nil, 1},
		{"the timestamp is refused", []fault{answerInstead(kerr.InvalidTimestamp), noFault}, stream.ErrNotWritten, 0, []int{0}, 1},
		{"it is too large", []fault{answerInstead(kerr.MessageTooLarge), noFault}, stream.ErrNotWritten, 0, []int{0}, 1},
		{"it is not allowed", []fault{answerInstead(kerr.TopicAuthorizationFailed), noFault}, stream.ErrNotWritten, 0, []int{0}, 1},
	}
}

func TestFaults(t *testing.T) {
	t.Parallel() // they wait a lot
	run := func(t *testing.T, k cluster, alias string, tables ...[]faultCase) {
		t.Helper()
		for _, table := range tables {
			for _, test := range table {
				t.Run(test.name, func(t *testing.T) {
					t.Parallel()
					f := newProxy(t, k)
					f.disguiseAs(alias)
					test.run(t, f)
				})
			}
		}
	}
	k := embedded(t, broker.Config{})
	t.Run("of a broker that keeps its sequences", func(t *testing.T) { run(t, k, "not the embedded one", apacheFaults(), provenFaults()) })
	t.Run("of the embedded broker", func(t *testing.T) { run(t, k, "", embeddedFaults(), provenFaults()) })
	if k, ok := apache(); ok {
		t.Run("of Apache Kafka", func(t *testing.T) { run(t, k, "", apacheFaults(), provenFaults()) })
	}
}

func (test faultCase) run(t *testing.T, f *proxy) {
	t.Helper()
	topic, c := f.topic(t, 1, nil), f.open(t)
	const timeout = 3 * time.Second
	p, _ := start(t, c, kafka.ProducerConfig{Topic: topic, Timeout: timeout})
	batches := f.inject(noFault)
	if err := p.Append(t.Context(), values("before")); err != nil {
		t.Fatal(err)
	}
	before, _ := producerOf(t, batches()[0])

	batches = f.inject(test.faults...)
	began := time.Now()
	err := p.Append(t.Context(), values("it", "and what is beside it"))
	if took := time.Since(began); took > 2*timeout {
		t.Errorf("Append took %v, and its time is %v", took, timeout)
	}
	if !errors.Is(err, test.want) {
		t.Errorf("Append = %v, want %v", err, test.want)
	}
	sent := batches()
	ids := []int64{before}
	for i, raw := range sent {
		id, _ := producerOf(t, raw)
		if id != ids[len(ids)-1] {
			ids = append(ids, id)
		} else if i > 0 && !bytes.Equal(raw, sent[i-1]) {
			t.Errorf("sent again by the same producer it is not the same, byte for byte:\n%x\n%x", sent[i-1], raw)
		}
		if test.sent != nil && (i >= len(test.sent) || id != ids[min(test.sent[i], len(ids)-1)]) {
			t.Errorf("the batch sent as number %d carries the %d. producer id; want %v", i, len(ids)-1, test.sent)
		}
	}
	if test.sent != nil && len(sent) != len(test.sent) {
		t.Errorf("it was sent %d times, want %d", len(sent), len(test.sent))
	}

	batches = f.inject(noFault)
	if err := p.Append(t.Context(), values("after")); err != nil {
		t.Errorf("the batch after it: %v", err)
	} else {
		// One of the batch before may arrive late, when nobody waits for it any more.
		sent := batches()
		id, sequence := producerOf(t, sent[slices.IndexFunc(sent, func(raw []byte) bool { return bytes.Contains(raw, []byte("after")) })])
		if (id == before) != (test.next == 0) {
			t.Errorf("the batch after it has producer id %d, the one before %d", id, before)
		}
		if id != before && id != ids[len(ids)-1] && sequence != 0 {
			t.Errorf("a new producer begins with sequence %d", sequence)
		}
	}
	got := fmt.Sprint(copies(t, c, topic, 1))
	want := map[string]int{"before": 1, "after": 1}
	if test.written > 0 {
		want["it"], want["and what is beside it"] = test.written, test.written
	}
	if got != fmt.Sprint(want) {
		t.Errorf("the log holds %s, want %v", got, want)
	}
}

// Replicas may be slow for a while. The writer must not write the same records again
// and again then: that would make them slower still.
func TestSlowReplicasAreWaitedFor(t *testing.T) {
	t.Parallel()
	f := newProxy(t, embedded(t, broker.Config{}))
	topic, c := f.topic(t, 1, nil), f.open(t)
	const slow = 1500 * time.Millisecond
	f.on(kmsg.Produce, func(req kmsg.Request, pass func(kmsg.Request) kmsg.Response) (kmsg.Response, bool) {
		told := time.Duration(req.(*kmsg.ProduceRequest).TimeoutMillis) * time.Millisecond
		<-time.After(min(told, slow))
		if told < slow {
			return answerAfterwards(kerr.RequestTimedOut)(req, pass)
		}
		return noFault(req, pass)
	})
	write(t, c, topic, 0, values("x"))
	if got := copies(t, c, topic, 1); got["x"] != 1 {
		t.Errorf("it was written %d times", got["x"])
	}
}

// Err must forget a failed batch: a server that gets no more traffic because of Err could
// not recover otherwise.
func TestAFailureIsForgotten(t *testing.T) {
	t.Parallel()
	f := newProxy(t, embedded(t, broker.Config{}))
	topic, c := f.topic(t, 1, nil), f.open(t)
	p := kafka.NewProducer(c, kafka.ProducerConfig{Topic: topic, Timeout: time.Second})
	if p.Err() == nil {
		t.Error("Err = nil before Run has begun")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { _ = p.Run(ctx) }()
	eventually(t, p.Err)
	f.inject(requestLost)
	if err := p.Append(t.Context(), values("x")); err == nil {
		t.Fatal("it was written")
	}
	if err := p.Err(); !errors.Is(err, stream.ErrInDoubt) {
		t.Errorf("Err = %v right after it, want its reason", err)
	}
	eventually(t, func() error {
		if err := p.Err(); err != nil {
			return fmt.Errorf("still: %w", err)
		}
		return nil
	})
}
