package kafka_test

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/broker/brokertest"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/proof/parallel"
	"github.com/emostream/emostream/internal/stream"
)

// freeAddr returns an address on which nobody listens.
func freeAddr(t *testing.T) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(parallel.Ports(t, 1)))
}

// checkOneOutage fails the test unless a log says once that Kafka is away, and once
// that it is back.
func checkOneOutage(t *testing.T, log *logRecorder) {
	t.Helper()
	if away, back := log.count("waiting for kafka"), log.count("kafka is back"); away != 1 || back != 1 {
		t.Errorf("the log says %d times that it waits and %d times that kafka is back:\n%s", away, back, log)
	}
	if strings.Index(log.String(), "waiting") > strings.Index(log.String(), "is back") {
		t.Errorf("the log says first that kafka is back and then that it waits:\n%s", log)
	}
}

func TestABrokerThatIsNotThereYetIsWaitedFor(t *testing.T) {
	t.Parallel()
	addr, log := freeAddr(t), &logRecorder{}
	c := cluster{brokers: []string{addr}}.openLogging(t, log.logger())
	topic := topicOf(unique(t), 2)
	ctx := within(t)
	var waiting sync.WaitGroup
	for range 5 { // the log says it once, although many calls wait
		waiting.Go(func() {
			if _, err := c.EnsureTopics(ctx, topic); err != nil {
				t.Errorf("EnsureTopics: %v", err)
			}
			if n, err := c.Partitions(ctx, topic.Name); n != 2 || err != nil {
				t.Errorf("Partitions = %d, %v", n, err)
			}
		})
	}
	eventually(t, func() error {
		if log.count("waiting for kafka") == 0 {
			return errors.New("the log does not say that it waits")
		}
		return nil
	})
	if !strings.Contains(log.String(), addr) {
		t.Errorf("the log does not name %s:\n%s", addr, log)
	}
	run(t, broker.Config{Listen: addr})
	waiting.Wait()
	checkOneOutage(t, log)
}

func TestAnOutageIsSurvived(t *testing.T) {
	t.Parallel()
	dir, log := brokertest.Folder(t), &logRecorder{}
	addr := freeAddr(t)
	_, stop := run(t, broker.Config{Listen: addr, DataDir: dir})
	k := cluster{brokers: []string{addr}}
	topic, c := k.topic(t, 1, nil), k.openLogging(t, log.logger())
	const timeout = 2 * time.Second
	p, _ := start(t, c, kafka.ProducerConfig{Topic: topic, Timeout: timeout})
	if err := p.Append(t.Context(), values("before")); err != nil {
		t.Fatal(err)
	}
	write(t, c, topic, 0, values("written before"))
	if err := p.Err(); err != nil {
		t.Errorf("Err = %v while all is well", err)
	}
	read := make(chan string, 100)
	until := func(value string) { // over what is in doubt
		for got := ""; got != value; got = receive(t, read) {
			t.Logf("read %q", got)
		}
	}
	reading, endReading := context.WithCancel(t.Context())
	defer endReading()
	go func() {
		r := c.Reader(topic, 0)
		for next := int64(0); ; {
			b, err := r.Fetch(reading, next, time.Second)
			if err != nil {
				if reading.Err() == nil {
					t.Errorf("Fetch in an outage: %v", err)
				}
				return
			}
			for _, rec := range b.Records {
				read <- string(rec.Value)
			}
			next = b.Next
		}
	}()
	if a, b := receive(t, read), receive(t, read); a != "before" || b != "written before" {
		t.Fatalf("read %q and %q", a, b)
	}

	stop()
	eventually(t, func() error {
		if log.count("waiting for kafka") == 0 {
			return errors.New("the log does not say that it waits")
		}
		return nil
	})
	for range 2 {
		began := time.Now()
		err := p.Append(t.Context(), values("away"))
		if took := time.Since(began); took > timeout*3/2 {
			t.Errorf("Append took %v, and its time is %v", took, timeout)
		}
		if !errors.Is(err, stream.ErrNotWritten) && !errors.Is(err, stream.ErrInDoubt) {
			t.Errorf("Append without a broker: %v", err)
		}
	}
	if p.Err() == nil {
		t.Error("Err knows of nothing after batches that could not be written")
	}

	run(t, broker.Config{Listen: addr, DataDir: dir})
	eventually(t, func() error { return p.Append(t.Context(), values("after")) })
	if err := p.Err(); err != nil {
		t.Errorf("Err = %v after a batch was written again", err)
	}
	until("after")
	write(t, c, topic, 0, values("written after"))
	until("written after")
	checkOneOutage(t, log)
}

func TestAGroupSurvivesAnOutage(t *testing.T) {
	t.Parallel()
	addr, dir, log := freeAddr(t), brokertest.Folder(t), &logRecorder{}
	k := cluster{brokers: []string{addr}}
	topic, group := topicOf(unique(t), 3), unique(t)
	m := join(t, k.openLogging(t, log.logger()), group, topic.Name) // there is nothing yet
	eventually(t, func() error {
		if log.count("waiting for kafka") == 0 {
			return errors.New("the log does not say that it waits")
		}
		return nil
	})
	_, stop := run(t, broker.Config{Listen: addr, DataDir: dir})
	if _, err := k.open(t).EnsureTopics(within(t), topic); err != nil {
		t.Fatal(err)
	}
	shared(t, 3, m)
	checkOneOutage(t, log)
	for len(m.claims) > 0 {
		receive(t, m.claims)
	}
	if err := m.claim(1).Offsets.Commit(within(t), stream.Commit{Offset: 4, Metadata: "before"}); err != nil {
		t.Fatal(err)
	}

	stop()
	run(t, broker.Config{Listen: addr, DataDir: dir})
	for again := map[int]bool{}; len(again) < 3; {
		claim := receive(t, m.claims)
		again[claim.Partition] = true
		if got := claim.Committed; claim.Partition == 1 && (got.Offset != 4 || got.Metadata != "before") {
			t.Errorf("after the outage partition 1 was claimed with %+v", got)
		}
	}
	shared(t, 3, m)
	if err := m.claim(1).Offsets.Commit(within(t), stream.Commit{Offset: 5}); err != nil {
		t.Errorf("a commit after the outage: %v", err)
	}
}

// If some calls fail while others succeed, that is one outage too.
func TestAPartOfTheClusterIsAway(t *testing.T) {
	t.Parallel()
	f := newProxy(t, embedded(t, broker.Config{}))
	log := &logRecorder{}
	topic, c := f.topic(t, 1, nil), f.openLogging(t, log.logger())
	var mu sync.Mutex
	failures := 0
	f.on(kmsg.Fetch, func(req kmsg.Request, pass func(kmsg.Request) kmsg.Response) (kmsg.Response, bool) {
		mu.Lock()
		defer mu.Unlock()
		if failures++; failures <= 5 {
			return nil, true
		}
		res := pass(req)
		return res, res == nil
	})
	fetched := make(chan error, 1)
	ctx := within(t)
	go func() {
		_, err := c.Reader(topic, 0).Fetch(ctx, 0, time.Millisecond)
		fetched <- err
	}()
	for done := false; !done; {
		if _, _, err := c.Offsets(ctx, topic, 0); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-fetched:
			if err != nil {
				t.Errorf("Fetch: %v", err)
			}
			done = true
		default:
		}
	}
	checkOneOutage(t, log)
}

// An error should pass but does not. It is logged once, so that people know what is
// waited for.
func TestAnAnswerThatStaysIsTold(t *testing.T) {
	t.Parallel()
	log := &logRecorder{}
	c := embedded(t, broker.Config{}).openLogging(t, log.logger())
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	for range 3 {
		waiting.Go(func() {
			if _, err := c.Partitions(ctx, unique(t)); !errors.Is(err, context.Canceled) {
				t.Errorf("Partitions of no topic: %v", err)
			}
		})
	}
	eventually(t, func() error {
		if log.count("level=WARN") == 0 {
			return errors.New("nothing is said")
		}
		return nil
	})
	cancel()
	waiting.Wait()
	if log.count("level=WARN") != 1 || log.count("goes on answering with an error") != 1 || log.count("Unknown Topic") != 1 {
		t.Errorf("the log of what waits for a topic that nobody makes:\n%s", log)
	}
}
