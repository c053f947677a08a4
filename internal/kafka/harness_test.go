package kafka_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/broker/brokertest"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/proof/kafkatest"
	"github.com/emostream/emostream/internal/stream"
)

// testTimeout is how long a test waits for anything.
const testTimeout = time.Minute

// cluster is a Kafka that a test runs against.
type cluster struct {
	brokers  []string
	embedded bool
}

// onEach runs a test on the embedded broker in memory and on disk. If the environment
// names an Apache Kafka, it runs it there too.
func onEach(t *testing.T, test func(*testing.T, cluster)) {
	t.Helper()
	t.Run("in memory", func(t *testing.T) { test(t, embedded(t, broker.Config{})) })
	t.Run("on disk", func(t *testing.T) { test(t, embedded(t, broker.Config{DataDir: brokertest.Folder(t)})) })
	if k, ok := apache(); ok {
		t.Run("Apache Kafka", func(t *testing.T) { test(t, k) })
	}
}

// apache returns the cluster that the environment names, and whether it names one.
func apache() (cluster, bool) {
	addrs := os.Getenv(kafkatest.BrokersVariable)
	return cluster{brokers: strings.Split(addrs, ",")}, addrs != ""
}

// embedded starts a broker that runs until the test ends.
func embedded(t *testing.T, cfg broker.Config) cluster {
	t.Helper()
	b, _ := run(t, cfg)
	return cluster{brokers: []string{b.Addr()}, embedded: true}
}

// run starts a broker that runs until stop is called or the test ends.
func run(t *testing.T, cfg broker.Config) (b *broker.Broker, stop func()) {
	t.Helper()
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	b, err := broker.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("broker: %v", err)
		}
	})
	t.Cleanup(stop)
	return b, stop
}

// open returns a client that is closed when the test ends.
func (k cluster) open(t *testing.T) *kafka.Client {
	t.Helper()
	return k.openLogging(t, nil)
}

func (k cluster) openLogging(t *testing.T, log *slog.Logger) *kafka.Client {
	t.Helper()
	c, err := kafka.Open(kafka.Config{Brokers: k.brokers, Names: flagNames(), Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// kafkaGoClient returns a client of kafka-go itself, for calls that our client does not
// have.
func (k cluster) kafkaGoClient(t *testing.T) *kafkago.Client {
	t.Helper()
	transport := &kafkago.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &kafkago.Client{Addr: kafkago.TCP(k.brokers...), Transport: transport, Timeout: testTimeout}
}

// unique returns a name for a topic or a group. No other test, and no other run of this
// one, has it.
func unique(t *testing.T) string {
	t.Helper()
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, t.Name())
	return fmt.Sprintf("%.120s-%08x", clean, rand.Uint32())
}

// topic creates a topic with a unique name, and returns the name.
func (k cluster) topic(t *testing.T, partitions int, config map[string]string) string {
	t.Helper()
	name := unique(t)
	c, err := kafka.Open(kafka.Config{Brokers: k.brokers})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	created, err := c.EnsureTopics(within(t), kafka.Topic{Name: name, Partitions: partitions, Config: config})
	if err != nil || !slices.Equal(created, []string{name}) {
		t.Fatalf("EnsureTopics = %q, %v, want %s", created, err, name)
	}
	return name
}

// trim removes the records of a partition before an offset.
func trim(t *testing.T, k cluster, topic string, partition int32, before int64) {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(k.brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	req := kmsg.DeleteRecordsRequest{TimeoutMillis: 10_000, Topics: []kmsg.DeleteRecordsRequestTopic{{
		Topic: topic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: partition, Offset: before}},
	}}}
	res, err := req.RequestWith(within(t), c)
	if err != nil {
		t.Fatal(err)
	}
	if p := res.Topics[0].Partitions[0]; p.ErrorCode != 0 || p.LowWatermark != before {
		t.Fatalf("delete records before %d: error %d, the log starts at %d", before, p.ErrorCode, p.LowWatermark)
	}
}

// within returns a context that bounds how long a test waits.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until check returns nil.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(testTimeout)
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal(err)
		}
	}
}

// receive returns the next value of c. It fails the test if none comes in time.
func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(testTimeout):
		t.Fatal("waited in vain")
		panic("unreachable")
	}
}

// values returns one record for each value, with the present time.
func values(vs ...string) []stream.Record {
	records := make([]stream.Record, len(vs))
	for i, v := range vs {
		records[i] = stream.Record{Time: time.Now().UnixMilli(), Value: []byte(v)}
	}
	return records
}

// write appends records and fails the test if they were not taken.
func write(t *testing.T, c *kafka.Client, topic string, partition int, records []stream.Record) {
	t.Helper()
	if err := c.Writer(topic).Write(within(t), partition, records); err != nil {
		t.Fatal(err)
	}
}

// read returns copies of all records of a partition.
func read(t *testing.T, c *kafka.Client, topic string, partition int) []stream.Record {
	t.Helper()
	next, end, err := c.Offsets(within(t), topic, partition)
	if err != nil {
		t.Fatal(err)
	}
	var all []stream.Record
	for r := c.Reader(topic, partition); next < end; {
		b, err := r.Fetch(within(t), next, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range b.Records {
			rec.Key, rec.Value = bytes.Clone(rec.Key), bytes.Clone(rec.Value)
			all = append(all, rec)
		}
		next = b.Next
	}
	return all
}

// copies counts how often each value is in a topic.
func copies(t *testing.T, c *kafka.Client, topic string, partitions int) map[string]int {
	t.Helper()
	n := map[string]int{}
	for p := range partitions {
		for _, r := range read(t, c, topic, p) {
			n[string(r.Value)]++
		}
	}
	return n
}

// logRecorder is a log that the test reads.
type logRecorder struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logRecorder) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *logRecorder) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// count returns how often s stands in the log.
func (l *logRecorder) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), s)
}

func (l *logRecorder) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
