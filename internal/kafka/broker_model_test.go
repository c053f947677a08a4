package kafka_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// model is a model of brokers in memory. Its partitions are replicated, lose their
// leaders, and know by producer id and sequence which batches they have written. An
// adversary decides what happens to each request.
type model struct {
	t        *testing.T
	rng      *rand.Rand
	embedded bool // one broker, which forgets all sequences when it is killed
	logs     []*modelLog
	ids      int64
	flying   []modelFlight
	calm     bool
	faults   int // one request in this many has a fault; 0: none has
	events   int
	hash     uint64
	trace    bool

	mu       sync.Mutex
	requests []*modelRequest
}

// modelLog is a partition. The batches from index committed on are not on all replicas
// yet, and may be lost with their leader.
type modelLog struct {
	batches   []modelBatch
	committed int
	forgotten int // how many batches have sequences that no broker remembers
}

type modelBatch struct {
	pid    int64
	first  int32 // sequence
	values []string
}

// modelRequest is a batch that waits for the adversary's decision.
type modelRequest struct {
	gaveUp    func() bool // whether nobody waits any more
	partition int
	batch     modelBatch
	answer    chan error // buffered
}

// modelFlight is a batch that arrives later, when its sender does not wait for the
// answer any more.
type modelFlight struct {
	partition int
	batch     modelBatch
	at        time.Time
}

// ProducerID implements kafka.Model.
func (m *model) ProducerID(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ids++
	return m.ids, nil
}

// Produce implements kafka.Model.
func (m *model) Produce(ctx context.Context, partition int, raw []byte) error {
	r := &modelRequest{func() bool { return ctx.Err() != nil }, partition, decodeBatch(m.t, raw), make(chan error, 1)}
	m.mu.Lock()
	m.requests = append(m.requests, r)
	m.mu.Unlock()
	select {
	case err := <-r.answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// decodeBatch reads a record batch and its values.
func decodeBatch(t *testing.T, raw []byte) modelBatch {
	t.Helper()
	var b kmsg.RecordBatch
	if err := b.ReadFrom(raw); err != nil {
		t.Fatal(err)
	}
	out := modelBatch{pid: b.ProducerID, first: b.FirstSequence}
	for rest := b.Records; len(rest) > 0; {
		n, size := binary.Varint(rest)
		var r kmsg.Record
		if err := r.ReadFrom(rest[:size+int(n)]); err != nil {
			t.Fatal(err)
		}
		out.values = append(out.values, string(r.Value))
		rest = rest[size+int(n):]
	}
	return out
}

// write does what a leader does with a batch. It writes one that follows the one
// before. It acknowledges one of the last five of a producer id without writing it
// again. It refuses one that leaves a gap. Of a producer id that it does not know it
// accepts any sequence. After write the batch is not on all replicas yet.
func (l *modelLog) write(b modelBatch) error {
	remembered, next := 0, int32(-1)
	for _, old := range slices.Backward(l.batches[l.forgotten:]) {
		if old.pid != b.pid {
			continue
		}
		if next < 0 {
			next = old.first + int32(len(old.values))
		}
		if old.first == b.first && len(old.values) == len(b.values) {
			return nil
		}
		if remembered++; remembered == 5 {
			break
		}
	}
	if next >= 0 && b.first != next {
		return kafkago.OutOfOrderSequenceNumber
	}
	l.batches = append(l.batches, b)
	return nil
}

// fail kills the leader of a partition. Batches that are not on all replicas may be
// lost. The embedded broker keeps its log, but forgets the sequences.
func (m *model) fail(l *modelLog) {
	if m.embedded {
		m.event("the broker is killed")
		for _, l := range m.logs {
			l.forgotten = len(l.batches)
		}
		m.flying = nil // they were sent on its connections
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, r := range m.requests {
			if m.rng.IntN(2) == 0 && !r.gaveUp() {
				_ = m.logs[r.partition].write(r.batch)
				m.logs[r.partition].forgotten = len(m.logs[r.partition].batches)
			}
			r.answer <- io.EOF
		}
		m.requests = nil
		return
	}
	kept := l.committed + m.rng.IntN(len(l.batches)-l.committed+1)
	m.event("a leader dies and takes %d batches along", len(l.batches)-kept)
	l.batches = l.batches[:kept]
	l.committed = kept
}

// event records something that happens.
func (m *model) event(format string, args ...any) {
	m.events++
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %d "+format, append([]any{m.hash, time.Now().UnixMicro()}, args...)...)
	m.hash = h.Sum64()
	if m.trace {
		m.t.Logf("%s "+format, append([]any{time.Now().Format("05.000000")}, args...)...)
	}
}

// step lets the adversary decide about one request, if there is one.
func (m *model) step() {
	synctest.Wait()
	now := time.Now()
	for len(m.flying) > 0 && !m.flying[0].at.After(now) {
		f := m.flying[0]
		m.flying = m.flying[1:]
		m.event("late on %d: %+v", f.partition, f.batch)
		_ = m.logs[f.partition].write(f.batch)
	}
	m.mu.Lock()
	m.requests = slices.DeleteFunc(m.requests, func(r *modelRequest) bool { return r.gaveUp() })
	slices.SortStableFunc(m.requests, func(a, b *modelRequest) int { return a.partition - b.partition })
	var r *modelRequest
	if n := len(m.requests); n > 0 {
		i := m.rng.IntN(n)
		r = m.requests[i]
		m.requests = slices.Delete(m.requests, i, i+1)
	}
	m.mu.Unlock()
	if r != nil {
		m.decide(r)
		synctest.Wait() // its effects come before any other event
	}
	if m.once(40) {
		m.fail(m.logs[m.rng.IntN(len(m.logs))])
	}
}

func (m *model) once(n int) bool { return !m.calm && m.faults > 0 && m.rng.IntN(n) == 0 }

// decide lets a request succeed, or chooses a fault for it.
func (m *model) decide(r *modelRequest) {
	l := m.logs[r.partition]
	well := func() error {
		err := l.write(r.batch)
		if err == nil {
			l.committed = len(l.batches)
		}
		return err
	}
	if !m.once(max(m.faults, 1)) {
		err := well()
		m.event("partition %d: %+v: %v", r.partition, r.batch, err)
		r.answer <- err
		return
	}
	later := func() {
		at := time.Now().Add(time.Duration(m.rng.Int64N(int64(3 * time.Second))))
		m.flying = append(m.flying, modelFlight{r.partition, r.batch, at})
		slices.SortStableFunc(m.flying, func(a, b modelFlight) int { return a.at.Compare(b.at) })
	}
	moved := []kafkago.Error{
		kafkago.NotLeaderForPartition, kafkago.UnknownTopicOrPartition, kafkago.LeaderNotAvailable, kafkago.BrokerNotAvailable,
		kafkago.FencedLeaderEpoch, kafkago.UnknownLeaderEpoch,
	}[m.rng.IntN(6)]
	appended := func() { _ = l.write(r.batch) } // it is not on all replicas yet
	if m.embedded {
		appended = func() {} // there is no other leader, and no replica to wait for
	}
	faults := []struct {
		what   string
		before func() // the answer
		answer error  // nil: none ever comes
	}{
		{"the request is lost", func() {}, io.EOF},
		{"the request arrives later", later, io.ErrUnexpectedEOF},
		{"the answer is lost", func() { _ = l.write(r.batch) }, io.EOF},
		{"nothing comes back", func() {}, nil},
		{"nothing comes back, and it is written", func() { _ = l.write(r.batch) }, nil},
		{"nothing comes back, and it arrives later", later, nil},
		{"the leader moved", func() {}, moved},
		{"the leader moved while it waited for the replicas", appended, moved},
		{"too few replicas", func() {}, kafkago.NotEnoughReplicas},
		{"nobody listens", func() {}, &net.OpError{Op: "dial", Err: errors.New("connection refused")}},
		{"it times out", func() {}, kafkago.RequestTimedOut},
		{"it times out on the replicas", func() { _ = l.write(r.batch) }, kafkago.RequestTimedOut},
		{"too few replicas after all", func() { _ = l.write(r.batch) }, kafkago.NotEnoughReplicasAfterAppend},
		{"an error that says nothing", func() { _ = l.write(r.batch) }, kafkago.Unknown},
		{"the timestamp is refused", func() {}, kafkago.InvalidTimestamp},
		{"the producer is called unknown", func() {}, kafkago.UnknownProducerId},
	}
	f := faults[m.rng.IntN(len(faults))]
	m.event("partition %d: %+v: %s", r.partition, r.batch, f.what)
	f.before()
	if f.answer != nil {
		r.answer <- f.answer
	}
}

// copies returns how often each value is in the logs.
func (m *model) copies() map[string]int {
	n := map[string]int{}
	for _, l := range m.logs {
		for _, b := range l.batches {
			for _, v := range b.values {
				n[v]++
			}
		}
	}
	return n
}

func (b modelBatch) String() string {
	return fmt.Sprintf("producer %d from %d: %s", b.pid, b.first, strings.Join(b.values, " "))
}
