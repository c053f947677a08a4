package kafka_test

import (
	"context"
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
		case <-time.After(testTimeout):
			t.Error("the producer's Run does not end")
		}
	})
	t.Cleanup(stop)
	return p, stop
}

// appending calls Append in a goroutine of its own. The channel receives the outcome.
func appending(ctx context.Context, p *kafka.Producer, records []stream.Record) <-chan error {
	done := make(chan error, 1)
	go func() { done <- p.Append(ctx, records) }()
	return done
}

// noneYet fails the test if there is an outcome already.
func noneYet(t *testing.T, done <-chan error, when string) {
	t.Helper()
	select {
	case err := <-done:
		t.Errorf("Append returned %v, %s", err, when)
	default:
	}
}

// hold holds produce requests back when they arrive, until release.
type hold struct {
	arrived chan int // receives the number of records of each batch that is held back
	opened  chan struct{}
	release func()
}

func (f *proxy) holdProduce() *hold {
	g := &hold{arrived: make(chan int, 1000), opened: make(chan struct{})}
	g.release = sync.OnceFunc(func() { close(g.opened) })
	f.t.Cleanup(g.release)
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

// payload returns the batch of a produce request.
func payload(req kmsg.Request) []byte {
	return req.(*kmsg.ProduceRequest).Topics[0].Partitions[0].Records
}

func TestAppendedRecordsAreInTheLogOnce(t *testing.T) {
	t.Parallel()
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

// What is appended while a batch is in flight goes together in the next one.
func TestBatchesGrowWhenTheBrokerIsSlow(t *testing.T) {
	f := newProxy(t, embedded(t, broker.Config{}))
	topic, c := f.topic(t, 1, nil), f.open(t)
	p, _ := start(t, c, kafka.ProducerConfig{Topic: topic, MaxBatch: 150})
	g := f.holdProduce()
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
	g.release()
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
	f := newProxy(t, embedded(t, broker.Config{}))
	const partitions = 3
	topic, c := f.topic(t, partitions, nil), f.open(t)
	p, _ := start(t, c, kafka.ProducerConfig{Topic: topic, MaxBatch: 2})
	var inFlight [partitions]atomic.Int32
	var now atomic.Int32
	together := make(chan bool, 1) // receives true when two partitions are written to at once
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
