package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/proof/kafkatest"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// BenchmarkBacklog measures how fast aggregate counts reactions that wait in
// emoji-topic: three million of them, as many as come in a minute at 50,000 a second.
// For comparison it also reads the same records with kafka-go's fastest reader, and
// does nothing with them. One iteration reads the whole topic once in each of the two
// ways:
//
//	go test -run xxx -bench Backlog -benchtime 9x ./internal/proof/e2e
//	go run ./internal/proof/kafkatest/cmd/kafkatest -brokers 1 -- go test -run xxx -bench Backlog -benchtime 9x ./internal/proof/e2e
//
// The counting is that of `emostream aggregate`: a member of a consumer group, with a
// combiner for each partition, writes partials to the broker and commits there. Its
// time begins when it has claimed all partitions. The broker is a process of its own on
// the same machine. The speeds are those of the median iteration. To see the counting
// alone in a profile, use go tool pprof -tagfocus pass=combine.
func BenchmarkBacklog(b *testing.B) {
	w := fill(b, 4, 750)
	pass := func(name string, f func(context.Context) time.Duration) (took time.Duration) {
		pprof.Do(b.Context(), pprof.Labels("pass", name), func(ctx context.Context) { took = f(ctx) })
		return took
	}
	pass("bare", w.bare) // the broker warms up
	pass("combine", w.combine)
	w.mallocs, w.bytes = 0, 0
	var bare, combine []time.Duration
	for b.Loop() {
		bare = append(bare, pass("bare", w.bare))
		combine = append(combine, pass("combine", w.combine))
	}
	slices.Sort(bare)
	slices.Sort(combine)
	bareSpeed := float64(w.records) / bare[len(bare)/2].Seconds()
	speed := float64(w.records) / combine[len(combine)/2].Seconds()
	read := float64(w.records) * float64(len(combine))
	b.ReportMetric(speed, "records/s")
	b.ReportMetric(bareSpeed, "bare-records/s")
	b.ReportMetric(speed/bareSpeed, "of-bare")
	b.ReportMetric(float64(w.mallocs)/read, "allocs/record")
	b.ReportMetric(float64(w.bytes)/read, "B/record")
	b.ReportMetric(0, "ns/op")
}

// waiting is an emoji-topic whose reactions have not been counted.
type waiting struct {
	b          *testing.B
	client     *kafka.Client
	brokers    []string
	names      wire.Topics
	partitions int
	records    int64 // in all partitions

	passes         int
	mallocs, bytes uint64 // allocated in all passes of combine
}

// fill starts a broker if the tests have none, and writes reactions to a new
// emoji-topic: to each partition that many batches of a thousand records, with times
// within one minute.
func fill(b *testing.B, partitions, batches int) *waiting {
	b.Helper()
	const perBatch = 1000
	w := &waiting{b: b, partitions: partitions, records: int64(partitions * batches * perBatch)}
	w.names.Prefix = prefix(b)
	addrs := os.Getenv(kafkatest.BrokersVariable)
	if addrs == "" {
		addrs = "localhost:" + port(free(b))
		start(b, "broker", "--listen", addrs, "--data-dir", b.TempDir())
	}
	w.brokers = strings.Split(addrs, ",")
	var err error
	if w.client, err = kafka.Open(kafka.Config{Brokers: w.brokers}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(w.client.Close)
	layout := kafka.Layout{Names: w.names, Reactions: partitions, Replication: 1}
	if _, err := w.client.EnsureTopics(b.Context(), layout.ReactionsTopic(), layout.PartialsTopic()); err != nil {
		b.Fatal(err)
	}
	topic := w.client.Writer(w.names.Reactions())
	began := time.Now().Add(-2 * time.Minute)
	var writing sync.WaitGroup
	for p := range partitions {
		writing.Go(func() {
			records, buf := make([]stream.Record, perBatch), []byte(nil)
			for n := range batches {
				buf = buf[:0]
				for i := range records {
					from, seq := len(buf), n*perBatch+i
					at := began.Add(time.Duration(seq) * time.Minute / time.Duration(batches*perBatch))
					buf = wire.AppendReaction(buf, reaction(seq, at))
					records[i] = stream.Record{Time: at.UnixMilli(), Value: buf[from:len(buf):len(buf)]}
				}
				if err := topic.Write(b.Context(), p, records); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	writing.Wait()
	return w
}

// reaction returns the i-th reaction of the crowd. Four of five are in the main
// channel.
func reaction(i int, at time.Time) wire.Reaction {
	r := wire.Reaction{
		UserID:    fmt.Sprintf("user_%08x", i*2654435761%(1<<32)),
		Emoji:     kinds[i*i%97%len(kinds)],
		Timestamp: at.UTC().Format(wire.TimeFormat),
	}
	if i%5 == 0 {
		r.Channel = fmt.Sprintf("room-%d", i%15)
	}
	return r
}

// bare returns how long kafka-go's fastest reader takes to read all partitions at once.
func (w *waiting) bare(ctx context.Context) time.Duration {
	began := time.Now()
	var reading sync.WaitGroup
	for p := range w.partitions {
		reading.Go(func() {
			if err := w.readBare(ctx, p); err != nil {
				w.b.Error(err)
			}
		})
	}
	reading.Wait()
	return time.Since(began)
}

func (w *waiting) readBare(ctx context.Context, partition int) error {
	c, err := kafkago.DialLeader(ctx, "tcp", w.brokers[0], w.names.Reactions(), partition)
	if err != nil {
		return err
	}
	defer c.Close()
	const mostBytes = 1 << 20 // of a fetch, as internal/kafka fetches
	value := make([]byte, 1<<10)
	for next := int64(0); next < w.records/int64(w.partitions); {
		if _, err := c.Seek(next, kafkago.SeekAbsolute|kafkago.SeekDontCheck); err != nil {
			return err
		}
		batch := c.ReadBatchWith(kafkago.ReadBatchConfig{MinBytes: 1, MaxBytes: mostBytes, MaxWait: time.Second})
		for err == nil {
			_, err = batch.Read(value)
		}
		next, err = batch.Offset(), batch.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// combine returns how long it takes to count all partitions at once, from when all are
// claimed. It joins a new consumer group each time, so that it begins at the first
// record.
func (w *waiting) combine(ctx context.Context) (took time.Duration) {
	partials := &kept{Writer: w.client.Writer(w.names.Partials())}
	a, err := aggregator.New(aggregator.Config{Partials: partials, PartialPartitions: 1})
	if err != nil {
		w.b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var began time.Time
	var before, after runtime.MemStats
	var claiming, counting sync.WaitGroup
	claiming.Add(w.partitions)
	counting.Add(w.partitions)
	begin := sync.OnceFunc(func() {
		runtime.ReadMemStats(&before)
		began = time.Now()
	})
	go func() {
		counting.Wait()
		took = time.Since(began)
		runtime.ReadMemStats(&after)
		cancel()
	}()
	w.passes++
	err = w.client.Consume(ctx, fmt.Sprintf("%spass-%d", w.names.Prefix, w.passes), w.names.Reactions(), func(ctx context.Context, c stream.Claim) error {
		claiming.Done()
		claiming.Wait()
		begin()
		c.Log = &untilEnd{c.Log, c.End}
		if err := a.Combine(ctx, c); !errors.Is(err, errAllRead) {
			return err
		}
		counting.Done()
		<-ctx.Done()
		return ctx.Err()
	})
	if err != nil {
		w.b.Fatal(err)
	}
	w.mallocs += after.Mallocs - before.Mallocs
	w.bytes += after.TotalAlloc - before.TotalAlloc
	if n := partials.total(w.b); n != w.records {
		w.b.Errorf("%d of %d records were counted", n, w.records)
	}
	return took
}

var errAllRead = errors.New("all read")

// untilEnd reads a partition up to end, and then returns errAllRead.
type untilEnd struct {
	stream.Reader
	end int64
}

func (r *untilEnd) Fetch(ctx context.Context, offset int64, wait time.Duration) (stream.Batch, error) {
	if offset >= r.end {
		return stream.Batch{}, errAllRead
	}
	return r.Reader.Fetch(ctx, offset, wait)
}

// kept is a writer that also keeps in memory what it has written.
type kept struct {
	stream.Writer
	mu      sync.Mutex
	records []stream.Record
}

func (k *kept) Write(ctx context.Context, partition int, records []stream.Record) error {
	if err := k.Writer.Write(ctx, partition, records); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.records = append(k.records, records...)
	return nil
}

// total returns how many reactions were counted: the sum of the last partial of each
// partition, window and channel.
func (k *kept) total(b *testing.B) (n int64) {
	b.Helper()
	type key struct {
		partition int
		end       int64
		channel   string
	}
	last := map[key]*wire.Partial{}
	for _, r := range k.records {
		p, err := wire.DecodeProgress(r.Value)
		if err != nil {
			b.Fatal(err)
		}
		if p := p.Partial; p != nil {
			last[key{p.Partition, p.End, p.Channel}] = p
		}
	}
	for _, p := range last {
		for _, count := range p.Counts {
			n += count
		}
	}
	return n
}
