package broker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/broker/brokertest"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
)

// kept are the consumers of the broker in a process of its own.
var kept = []broker.Consumer{{Topic: topic, Group: "combine", Bounded: true}}

// commit commits for the group, as Kafka's tools do.
func commit(t *testing.T, addr string, offset int64, metadata string) {
	t.Helper()
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Offset, p.Metadata = offset, &metadata
	tp := kmsg.NewOffsetCommitRequestTopic()
	tp.Topic, tp.Partitions = topic, []kmsg.OffsetCommitRequestTopicPartition{p}
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Version, req.Group, req.Generation, req.Topics = 2, "combine", -1, []kmsg.OffsetCommitRequestTopic{tp}
	res := dialTo(t, addr).ask(req).(*kmsg.OffsetCommitResponse)
	if code := res.Topics[0].Partitions[0].ErrorCode; code != 0 {
		t.Fatalf("the commit is answered with error %d", code)
	}
}

// run runs a broker until the test ends, or until stop is called.
func run(t *testing.T, cfg broker.Config, bounded bool) (b *broker.Broker, stop func()) {
	t.Helper()
	cfg.Listen, cfg.Housekeeping = "127.0.0.1:0", 10*time.Millisecond
	cfg.Consumers = []broker.Consumer{{Topic: topic, Group: "combine", Bounded: bounded}}
	b, err := broker.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return b, stop
}

// Retention removes nothing that is not committed, neither by time nor by size, nor of
// records with old times, nor after a restart. What is committed goes.
func TestUncommittedRecordsStay(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg broker.Config
		age time.Duration // of the records when they are written
	}{
		"by time":                {broker.Config{Retention: time.Millisecond}, 0},
		"by time, old records":   {broker.Config{Retention: time.Hour}, 2 * time.Hour},
		"by size":                {broker.Config{RetentionBytes: 8}, 0},
		"by both, older records": {broker.Config{RetentionBytes: 8, Retention: time.Millisecond}, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, dir := range brokertest.Folders(t) {
				cfg := tt.cfg
				cfg.DataDir = dir
				b, stop := run(t, cfg, false)
				c := client(t, b.Addr())
				ensure(t, c, 1, nil)
				commit(t, b.Addr(), 0, "")
				write := func(from, to int64) { // and measure at the log's start after each record
					for i := from; i < to; i++ {
						record := stream.Record{Time: time.Now().Add(-tt.age).UnixMilli(), Value: []byte("x")}
						if err := c.Writer(topic).Write(within(t), 0, []stream.Record{record}); err != nil {
							t.Fatal(err)
						}
						if start, end, err := c.Offsets(within(t), topic, 0); start > min(from, 4) || end != i+1 || err != nil {
							t.Fatalf("the log goes from %d to %d (%v), and %d is committed", start, end, err, min(from, 4))
						}
					}
				}
				write(0, 10)
				commit(t, b.Addr(), 4, "")
				write(10, 20)
				if dir != "" {
					stop()
					b, _ = run(t, cfg, false)
					c = client(t, b.Addr())
				}
				write(20, 30)
				commit(t, b.Addr(), 30, "")
				eventually(t, func() error {
					if start, end, err := c.Offsets(within(t), topic, 0); start != 30 || end != 30 || err != nil {
						return fmt.Errorf("the log goes from %d to %d (%w), want nothing of what is committed", start, end, err)
					}
					return nil
				})
			}
		})
	}
}

// batchBytes is how many bytes a batch with one record of 10,000 has.
const batchBytes = 61 + 10_011

// measures fails the test if a metric does not become want.
func measures(t *testing.T, reg prometheus.Gatherer, metric string, want float64) {
	t.Helper()
	eventually(t, func() error {
		families, err := reg.Gather()
		if err != nil {
			return err
		}
		for _, f := range families {
			if f.GetName() == "emostream_broker_"+metric {
				if got := f.GetMetric()[0].GetGauge().GetValue(); got != want {
					return fmt.Errorf("%s is %v, want %v", metric, got, want)
				}
				return nil
			}
		}
		return fmt.Errorf("there is no %s", metric)
	})
}

// The broker refuses records when as many bytes as a partition may hold are neither
// committed nor counted. It takes them again when they are.
func TestFullPartitionRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ bound, accepted int64 }{
		"one below": {5*batchBytes - 1, 4},
		"the bound": {5 * batchBytes, 5},
		"one above": {5*batchBytes + 1, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, dir := range brokertest.Folders(t) {
				testFullPartition(t, dir, tt.bound, tt.accepted)
			}
		})
	}
}

func testFullPartition(t *testing.T, dir string, bound, accepted int64) {
	t.Helper()
	reg := prometheus.NewRegistry()
	b, stop := run(t, broker.Config{DataDir: dir, Metrics: reg}, true)
	c := client(t, b.Addr())
	ensure(t, c, 1, map[string]string{"retention.bytes": fmt.Sprint(bound)})
	end := func() int64 {
		_, end, err := c.Offsets(within(t), topic, 0)
		if err != nil {
			t.Fatal(err)
		}
		return end
	}
	refused := func(bytes int) bool {
		p := kafka.NewProducer(c, kafka.ProducerConfig{Topic: topic})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = p.Run(ctx) })
		defer running.Wait()
		defer cancel()
		err := p.Append(within(t), []stream.Record{{Time: time.Now().UnixMilli(), Value: make([]byte, bytes)}})
		if err != nil && (!errors.Is(err, stream.ErrNotWritten) || !strings.Contains(err.Error(), "not counted")) {
			t.Fatalf("refused with %v, want ErrNotWritten and why", err)
		}
		return err != nil
	}
	fill := func() (n int64) {
		for !refused(10_000) {
			if n++; n > 2*accepted {
				t.Fatalf("%d records are accepted", n)
			}
		}
		return n
	}
	eventually(t, func() error { // the broker notices the group
		commit(t, b.Addr(), end(), "")
		if !refused(200_000) {
			return errors.New("records are accepted")
		}
		return nil
	})
	commit(t, b.Addr(), end(), "")
	begin, total := end(), int64(0)
	eventually(t, func() error {
		if total += fill(); total < accepted {
			return fmt.Errorf("%d records are accepted, want %d", total, accepted)
		}
		return nil
	})
	if total += fill(); total != accepted {
		t.Errorf("%d records are accepted, want %d", total, accepted)
	}
	measures(t, reg, "uncounted_ratio", float64(accepted*batchBytes)/float64(bound))
	if accepted*batchBytes == bound { // else it has a little room
		measures(t, reg, "refuses", 1)
	}
	if dir != "" {
		stop()
		reg = prometheus.NewRegistry()
		b, _ = run(t, broker.Config{DataDir: dir, Metrics: reg}, true)
		c = client(t, b.Addr())
		if n := fill(); n != 0 {
			t.Errorf("%d records are accepted after a restart, want none", n)
		}
	}
	commit(t, b.Addr(), begin, fmt.Sprintf(`{"v":1,"counted":%d}`, end()))
	total = 0
	eventually(t, func() error {
		if total += fill(); total < accepted {
			return fmt.Errorf("%d records are accepted though all are counted, want %d", total, accepted)
		}
		return nil
	})
	startsBefore := func(offset int64) {
		if start, _, err := c.Offsets(within(t), topic, 0); start > offset || err != nil {
			t.Errorf("the log begins at %d, %v, and %d is committed", start, err, offset)
		}
	}
	startsBefore(begin)
	commit(t, b.Addr(), end(), "")
	measures(t, reg, "uncounted_ratio", 0)
	measures(t, reg, "refuses", 0)
	eventually(t, func() error {
		if fill() == 0 {
			return errors.New("no record is accepted though all are committed")
		}
		return nil
	})
}

// A broker that is killed while it is full is full when it is back, and takes records
// again when they are committed.
func TestKilledWhileFull(t *testing.T) {
	t.Parallel()
	dir := brokertest.Folder(t)
	p := spawn(t, dir, "127.0.0.1:0", time.Millisecond)
	c := client(t, p.addr)
	ensure(t, c, 1, nil)
	commit(t, p.addr, 0, "")
	for range 20 {
		if err := write(within(t), c, 0, "x"); err != nil {
			t.Fatal(err)
		}
	}
	commit(t, p.addr, 7, "")
	p.kill()
	p = spawn(t, dir, "127.0.0.1:0", time.Millisecond)
	c = client(t, p.addr)
	if start, end, err := c.Offsets(within(t), topic, 0); start > 7 || end != 20 || err != nil {
		t.Errorf("the log goes from %d to %d (%v), want all that is not committed", start, end, err)
	}
	commit(t, p.addr, 20, "")
	eventually(t, func() error {
		if start, end, err := c.Offsets(within(t), topic, 0); start != 20 || end != 20 || err != nil {
			return fmt.Errorf("the log goes from %d to %d, %w", start, end, err)
		}
		return nil
	})
}

// A disk that is full refuses, whoever reads.
func TestFullDiskRefuses(t *testing.T) {
	reg := prometheus.NewRegistry()
	b, _ := run(t, broker.Config{DataDir: brokertest.Folder(t), MinFree: 1 << 62, Metrics: reg}, true)
	c := client(t, b.Addr())
	ensure(t, c, 1, nil)
	eventually(t, func() error {
		err := write(within(t), c, 0, "x")
		if err == nil || !kafka.Permanent(err) {
			return fmt.Errorf("the write ends with %w", err)
		}
		return nil
	})
	measures(t, reg, "refuses", 1)
}

// What a topic held before it was deleted and made anew takes no room in the new one.
func TestATopicMadeAnewHasRoom(t *testing.T) {
	t.Parallel()
	for _, dir := range brokertest.Folders(t) {
		b, _ := run(t, broker.Config{DataDir: dir}, true)
		config := map[string]string{"retention.bytes": "50000"}
		refused := func(bytes int) bool {
			p := kafka.NewProducer(client(t, b.Addr()), kafka.ProducerConfig{Topic: topic})
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { _ = p.Run(ctx) })
			defer running.Wait()
			defer cancel()
			return p.Append(within(t), []stream.Record{{Time: time.Now().UnixMilli(), Value: make([]byte, bytes)}}) != nil
		}
		bounded := func() {
			t.Helper()
			commit(t, b.Addr(), 0, "")
			eventually(t, func() error { // the broker notices the group
				if !refused(200_000) {
					return errors.New("records are accepted")
				}
				return nil
			})
		}
		ensure(t, client(t, b.Addr()), 1, config)
		for range 4 {
			if refused(10_000) {
				t.Fatal("a record is refused though there is room")
			}
		}
		bounded()
		eventually(t, func() error {
			if !refused(10_000) {
				return errors.New("a record is accepted though there is no room")
			}
			return nil
		})
		req := kmsg.NewPtrDeleteTopicsRequest()
		req.Version, req.TopicNames = 1, []string{topic}
		if res := dialTo(t, b.Addr()).ask(req).(*kmsg.DeleteTopicsResponse); res.Topics[0].ErrorCode != 0 {
			t.Fatalf("the deletion is answered with error %d", res.Topics[0].ErrorCode)
		}
		ensure(t, client(t, b.Addr()), 1, config)
		bounded()
		eventually(t, func() error {
			if refused(10_000) {
				return errors.New("a record is refused though the topic was made anew")
			}
			return nil
		})
	}
}
