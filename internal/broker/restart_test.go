package broker_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
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

// client returns a client that is closed when the test ends.
func client(t *testing.T, addr string) *kafka.Client {
	t.Helper()
	c, err := kafka.Open(kafka.Config{Brokers: []string{addr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
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

// topic is the topic that every test writes to.
const topic = "t"

func ensure(t *testing.T, c *kafka.Client, partitions int, config map[string]string) {
	t.Helper()
	if _, err := c.EnsureTopics(within(t), kafka.Topic{Name: topic, Partitions: partitions, Config: config}); err != nil {
		t.Fatal(err)
	}
}

// address returns an address on which a broker can be started again.
func address(t *testing.T) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(parallel.Ports(t, 1)))
}

// write appends a record for each value, with the present time.
func write(ctx context.Context, c *kafka.Client, partition int, values ...string) error {
	var records []stream.Record
	for _, v := range values {
		records = append(records, stream.Record{Time: time.Now().UnixMilli(), Value: []byte(v)})
	}
	return c.Writer(topic).Write(ctx, partition, records)
}

// read counts each value in a partition, and returns the first offset and the one after
// the last.
func read(t *testing.T, c *kafka.Client, partition int) (values map[string]int, start, end int64) {
	t.Helper()
	start, end, err := c.Offsets(within(t), topic, partition)
	if err != nil {
		t.Fatal(err)
	}
	values = map[string]int{}
	r := c.Reader(topic, partition)
	for next := start; next < end; {
		b, err := r.Fetch(within(t), next, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range b.Records {
			values[string(rec.Value)]++
		}
		next = b.Next
	}
	return values, start, end
}

// A broker that is killed again and again, while several clients write and one commits,
// loses nothing that it has acknowledged.
func TestAKillLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	dir, listen := brokertest.Folder(t), address(t)
	const group, partitions = "g", 3
	acknowledged := map[string]int{} // the partition, by the value
	committed := int64(-1)
	for round := range 4 {
		p := spawn(t, dir, listen, 0)
		c := client(t, p.addr)
		ensure(t, c, partitions, nil)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		var mu sync.Mutex
		progress := make(chan struct{}, 1)
		for w := range 2 * partitions {
			all.Go(func() {
				for i := 0; ; i++ {
					v := fmt.Sprintf("%d/%d/%d", round, w, i)
					if write(ctx, c, w%partitions, v) != nil {
						return
					}
					mu.Lock()
					acknowledged[v] = w % partitions
					mu.Unlock()
				}
			})
		}
		all.Go(func() {
			err := c.Consume(ctx, group, topic, func(ctx context.Context, claim stream.Claim) error {
				if claim.Partition != 1 {
					<-ctx.Done()
					return ctx.Err()
				}
				mu.Lock()
				if got := claim.Committed; got.Offset < committed || got.Offset >= 0 && got.Metadata != "at "+strconv.FormatInt(got.Offset, 10) {
					t.Errorf("round %d finds the commit %+v; acknowledged was %d", round, got, committed)
				}
				next := max(committed, claim.Committed.Offset) + 1
				mu.Unlock()
				for n := 0; ; n++ {
					if err := claim.Offsets.Commit(ctx, stream.Commit{Offset: next, Metadata: "at " + strconv.FormatInt(next, 10)}); err != nil {
						return err
					}
					mu.Lock()
					committed = next
					mu.Unlock()
					if next++; n == 100 {
						progress <- struct{}{}
					}
				}
			})
			if err != nil {
				t.Errorf("Consume: %v", err)
			}
		})
		<-progress
		p.kill()
		cancel()
		all.Wait()
	}
	c := client(t, spawn(t, dir, listen, 0).addr)
	for partition := range partitions {
		got, _, _ := read(t, c, partition)
		n := 0
		for v, at := range acknowledged {
			if at != partition {
				continue
			}
			if n++; got[v] == 0 {
				t.Errorf("%s was acknowledged and is lost", v)
			}
		}
		if n == 0 {
			t.Errorf("nothing was ever written to partition %d", partition)
		}
	}
}

// No offset is used twice. If retention has removed all records of a partition, the
// partition must not begin at offset 0 again after a restart: that is before the
// offsets that were committed.
func TestOffsetsGoOnAfterARestart(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		end  func(*process)
	}{
		{"killed", (*process).kill},
		{"stopped", (*process).stop},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := brokertest.Folder(t)
			p := spawn(t, dir, address(t), 500*time.Millisecond)
			c := client(t, p.addr)
			ensure(t, c, 2, nil)
			if err := write(within(t), c, 1, "a", "b", "c"); err != nil {
				t.Fatal(err)
			}
			emptied := func() error {
				start, end, err := c.Offsets(within(t), topic, 1)
				if err != nil || start != end {
					return fmt.Errorf("the partition holds %d to %d, %w", start, end, err)
				}
				return nil
			}
			eventually(t, emptied)
			test.end(p)

			p = spawn(t, dir, p.addr, 500*time.Millisecond)
			got, start, end := read(t, c, 1)
			if start != 3 || end != 3 || len(got) > 0 {
				t.Errorf("after a restart the partition goes from %d to %d with %v, want from 3 to 3", start, end, got)
			}
			if _, start, end := read(t, c, 0); start != 0 || end != 0 {
				t.Errorf("the other one goes from %d to %d", start, end)
			}
			if err := write(within(t), c, 1, "d"); err != nil {
				t.Fatal(err)
			}
			// On a busy machine it may be removed again before anybody reads it.
			if _, end, err := c.Offsets(within(t), topic, 1); end != 4 || err != nil {
				t.Errorf("after that the partition ends at %d, %v, want at 4", end, err)
			}
			// And again, when there was nothing to remove meanwhile.
			eventually(t, emptied)
			test.end(p)
			p = spawn(t, dir, p.addr, 500*time.Millisecond)
			test.end(p)
			spawn(t, dir, p.addr, 500*time.Millisecond)
			if _, start, end := read(t, c, 1); start != 4 || end != 4 {
				t.Errorf("after two more restarts the partition goes from %d to %d, want from 4 to 4", start, end)
			}
		})
	}
}

// The end that a partition had before its topic was deleted is not given to the topic that
// was made in its place.
func TestATopicMadeAnewBeginsAtZeroAfterARestart(t *testing.T) {
	if !broker.CanKeepLog {
		t.Skip("the log is in memory")
	}
	t.Parallel()
	dir := brokertest.Folder(t)
	cfg := broker.Config{Listen: "127.0.0.1:0", DataDir: dir, Housekeeping: time.Hour, Consumers: []broker.Consumer{{Topic: topic, Group: "combine"}}}
	running := func() (addr string, stop func()) {
		b, err := broker.Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.Run(ctx) }()
		return b.Addr(), func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	addr, stop := running()
	ensure(t, client(t, addr), 1, nil)
	if err := write(within(t), client(t, addr), 0, "a", "b", "c"); err != nil {
		t.Fatal(err)
	}
	stop()
	ends := filepath.Join(dir, "ends.json")
	if err := os.WriteFile(ends, []byte(`{"t-0":3}`), 0o600); err != nil { // as retention does before it removes records
		t.Fatal(err)
	}
	addr, stop = running()
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.Version, req.TopicNames = 1, []string{topic}
	if res := dialTo(t, addr).ask(req).(*kmsg.DeleteTopicsResponse); res.Topics[0].ErrorCode != 0 {
		t.Fatalf("the deletion is answered with error %d", res.Topics[0].ErrorCode)
	}
	ensure(t, client(t, addr), 1, nil)
	eventually(t, func() error {
		if text, err := os.ReadFile(ends); err != nil || string(text) != "{}" {
			return fmt.Errorf("the ends are still %s, %w", text, err)
		}
		return nil
	})
	stop()
	addr, stop = running()
	defer stop()
	if start, end, err := client(t, addr).Offsets(within(t), topic, 0); start != 0 || end != 0 || err != nil {
		t.Errorf("the topic that was made anew holds the offsets %d to %d, %v, want none", start, end, err)
	}
}
