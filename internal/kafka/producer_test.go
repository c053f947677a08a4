package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
)

// start runs a producer until stop is called or the test ends.
func start(t *testing.T, c *kafka.Client, cfg kafka.ProducerConfig) (p *kafka.Producer, stop func()) {
	t.Helper()
	p = kafka.NewProducer(c, cfg)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the producer's Run = %v", err)
			}
		case <-time.After(patience):
			t.Error("the producer's Run does not end")
		}
	})
	t.Cleanup(stop)
	return p, stop
}

// appending appends in a goroutine of its own and yields the outcome.
func appending(ctx context.Context, p *kafka.Producer, records []stream.Record) <-chan error {
	done := make(chan error, 1)
	go func() { done <- p.Append(ctx, records) }()
	return done
}

// none fails the test if there is an outcome already.
func none(t *testing.T, done <-chan error, when string) {
	t.Helper()
	select {
	case err := <-done:
		t.Errorf("Append returned %v, %s", err, when)
	default:
	}
}

// gate holds produce requests back, after they have arrived, until it is opened.
type gate struct {
	arrived chan int // records of a batch that waits there
	opened  chan struct{}
	open    func()
}

func (f *front) gate() *gate {
	g := &gate{arrived: make(chan int, 1000), opened: make(chan struct{})}
	g.open = sync.OnceFunc(func() { close(g.opened) })
	f.t.Cleanup(g.open)
	f.on(kmsg.Produce, func(req kmsg.Request, pass func(kmsg.Request) kmsg.Response) (kmsg.Response, bool) {
		var b kmsg.RecordBatch
		if err := b.ReadFrom(payload(req)); err != nil {
			f.t.Errorf("a produced batch: %v", err)
		}
		g.arrived <- int(b.NumRecords)
		<-g.opened
		res := pass(req)
		return res, res == nil
	})
	return g
}

// payload is the batch of a produce request.
func payload(req kmsg.Request) []byte {
	return req.(*kmsg.ProduceRequest).Topics[0].Partitions[0].Records
}

func TestAppendedRecordsAreInTheLogOnce(t *testing.T) {
	onEach(t, func(t *testing.T, k cluster) {
		const partitions, writers, appends = 4, 64, 60
		topic, c := k.topic(t, partitions, nil), k.open(t)
		p, _ := start(t, c, kafka.ProducerConfig{Topic: topic, MaxBatch: 500})
		want := make(chan string, writers*appends*3)
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for a := range appends {
					var vs []string
					for i := range 1 + a%3 {
						vs = append(vs, fmt.Sprintf("%d/%d/%d", w, a, i))
					}
					if err := p.Append(t.Context(), values(vs...)); err != nil {
						t.Errorf("Append: %v", err)
						continue
					}
					for _, v := range vs {
						want <- v
					}
				}
			})
		}
		all.Wait()
		close(want)
		got := copies(t, c, topic, partitions)
		n := 0
		for v := range want {
			if n++; got[v] != 1 {
				t.Errorf("%s is in the log %d times", v, got[v])
			}
		}
		if n != writers*appends*2 || len(got) != n {
			t.Errorf("%d were acknowledged and %d are in the log, want %d", n, len(got), writers*appends*2)
		}
	})
}

// Records of one Append stay together, in their order.
func TestOneAppendIsOneRun(t *testing.T) {
	k := embedded(t, broker.Config{})
	topic, c := k.topic(t, 3, nil), k.open(t)
	p, _ := start(t, c, kafka.ProducerConfig{Topic: topic})
	var all sync.WaitGroup
	for w := range 20 {
		all.Go(func() {
			if err := p.Append(t.Context(), values(fmt.Sprint(w, " first"), fmt.Sprint(w, " then"), fmt.Sprint(w, " last"))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for partition := range 3 {
		var got []string
		for _, r := range read(t, c, topic, partition) {
			got = append(got, string(r.Value))
		}
		for run := range slices.Chunk(got, 3) {
			w, _, _ := strings.Cut(run[0], " ")
			if !slices.Equal(run, []string{w + " first", w + " then", w + " last"}) {
				t.Errorf("partition %d has a run of %q", partition, run)
			}
		}
	}
}

func TestBatchesGoRoundPartitions(t *testing.T) {
	k := embedded(t, broker.Config{})
	const partitions, appends = 4, 100
	topic, c := k.topic(t, partitions, nil), k.open(t)
	p, _ := start(t, c, kafka.ProducerConfig{Topic: topic})
	for i := range appends {
		if err := p.Append(t.Context(), values(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	for partition := range partitions {
		if n := len(read(t, c, topic, partition)); n < appends/partitions/2 {
			t.Errorf("partition %d got %d of %d records that were appended one after the other", partition, n, appends)
		}
	}
}

// What is appended while a batch is in flight travels together in the next.
func TestBatchesGrowWhenTheBrokerIsSlow(t *testing.T) {
	f := newFront(t, embedded(t, broker.Config{}))
	topic, c := f.topic(t, 1, nil), f.open(t)
	p, _ := start(t, c, kafka.ProducerConfig{Topic: topic, MaxBatch: 150})
	g := f.gate()
	done := []<-chan error{appending(t.Context(), p, values("first"))}
	if n := receive(t, g.arrived); n != 1 {
		t.Fatalf("the first batch has %d records, want 1: there was nothing to wait for", n)
	}
	for i := range 200 {
		done = append(done, appending(t.Context(), p, values(fmt.Sprint(i))))
	}
	eventually(t, func() error {
		if n := p.Waiting(); n != 200 {
			return fmt.Errorf("%d are waiting, want 200", n)
		}
		return nil
	})
	g.open()
	for _, d := range done {
		if err := receive(t, d); err != nil {
			t.Errorf("Append: %v", err)
		}
	}
	if a, b := receive(t, g.arrived), receive(t, g.arrived); a != 150 || b != 50 || len(g.arrived) > 0 {
		t.Errorf("the next batches have %d and %d records, and %d more came; want 150, which is the most, and 50", a, b, len(g.arrived))
	}
}

func TestOneBatchInFlightForEachPartition(t *testing.T) {
	f := newFront(t, embedded(t, broker.Config{}))
	const partitions = 3
	topic, c := f.topic(t, partitions, nil), f.open(t)
	p, _ := start(t, c, kafka.ProducerConfig{Topic: topic, MaxBatch: 2})
	var inFlight [partitions]atomic.Int32
	var now atomic.Int32
	together := make(chan bool, 1) // that two partitions were written to at once
	f.on(kmsg.Produce, func(req kmsg.Request, pass func(kmsg.Request) kmsg.Response) (kmsg.Response, bool) {
		partition := req.(*kmsg.ProduceRequest).Topics[0].Partitions[0].Partition
		if n := inFlight[partition].Add(1); n > 1 {
			t.Errorf("%d batches are in flight for partition %d", n, partition)
		}
		if now.Add(1) > 1 {
			select {
			case together <- true:
			default:
			}
		}
		res := pass(req)
		now.Add(-1)
		inFlight[partition].Add(-1)
		return res, res == nil
	})
	var all sync.WaitGroup
	for w := range 32 {
		all.Go(func() {
			for a := range 10 {
				if err := p.Append(t.Context(), values(fmt.Sprint(w, a))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if len(together) == 0 {
		t.Error("no two partitions were ever written to at once")
	}
}

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
	// It is not run, so that all that is appended waits.
	p := kafka.NewProducer(cluster{}.open(t), kafka.ProducerConfig{Topic: "t", MaxPending: 1000, Timeout: patience})
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
	none(t, a, "and it is the one that fits")
	cancel()
	if err := receive(t, a); !errors.Is(err, stream.ErrNotWritten) || !errors.Is(err, context.Canceled) {
		t.Errorf("what waits was cancelled and returned %v", err)
	}
	// Its place is free again.
	ended, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := p.Append(ended, values(strings.Repeat("x", 500))); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after that, Append = %v, want it to wait until its context ends", err)
	}
}

func TestAppendThatIsCancelled(t *testing.T) {
	f := newFront(t, embedded(t, broker.Config{}))
	topic, c := f.topic(t, 1, nil), f.open(t)
	p, _ := start(t, c, kafka.ProducerConfig{Topic: topic, Timeout: patience})
	g := f.gate()
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
	none(t, inFlight, "while its batch is in flight")
	g.open()
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

func TestLinger(t *testing.T) {
	f := newFront(t, embedded(t, broker.Config{}))
	topic, c := f.topic(t, 1, nil), f.open(t)
	const linger = 500 * time.Millisecond
	p, _ := start(t, c, kafka.ProducerConfig{Topic: topic, Linger: linger, MaxBatch: 3})
	if err := p.Append(t.Context(), values("warm")); err != nil { // connections and producer id are there from now on
		t.Fatal(err)
	}
	g := f.gate()
	g.open()
	began := time.Now()
	var done []<-chan error
	for i := range 4 {
		done = append(done, appending(t.Context(), p, values(fmt.Sprint(i))))
	}
	for _, d := range done {
		if err := receive(t, d); err != nil {
			t.Errorf("Append: %v", err)
		}
	}
	if took := time.Since(began); took < linger {
		t.Errorf("it took %v, less than the %v that a batch lingers", took, linger)
	}
	if a, b := receive(t, g.arrived), receive(t, g.arrived); a != 3 || b != 1 {
		t.Errorf("batches of %d and %d, want 3, which is the most, and 1", a, b)
	}
}

func TestProducerMetrics(t *testing.T) {
	k := embedded(t, broker.Config{})
	topic, c := k.topic(t, 1, nil), k.open(t)
	reg := prometheus.NewRegistry()
	p, _ := start(t, c, kafka.ProducerConfig{Topic: topic, Metrics: reg})
	if err := p.Append(t.Context(), values("x", "y")); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		m := f.GetMetric()[0]
		got[f.GetName()] = m.GetCounter().GetValue() + m.GetHistogram().GetSampleSum()
	}
	if got["emostream_produce_batch_records"] != 2 || got["emostream_produce_seconds"] <= 0 {
		t.Errorf("after a batch of two the metrics are %v", got)
	}
	if resent, ok := got["emostream_produce_resent_total"]; !ok || resent != 0 {
		t.Errorf("emostream_produce_resent_total = %v, %v; nothing was sent again", resent, ok)
	}
}
