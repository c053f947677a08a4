package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
)

// remove deletes a topic, and waits until it is gone.
func (k cluster) remove(t *testing.T, topic string) {
	t.Helper()
	res, err := k.kafkaGoClient(t).DeleteTopics(within(t), &kafkago.DeleteTopicsRequest{Topics: []string{topic}})
	if err != nil || res.Errors[topic] != nil {
		t.Fatalf("DeleteTopics: %v, %v", err, res)
	}
}

// makeAnew deletes a topic and creates it again.
func (k cluster) makeAnew(t *testing.T, topic string, partitions int) {
	t.Helper()
	k.remove(t, topic)
	k.make(t, topic, partitions)
}

// make creates a topic that was deleted. The brokers may need a while for that.
func (k cluster) make(t *testing.T, topic string, partitions int) {
	t.Helper()
	eventually(t, func() error { // with a new client each time, since one may remember the topic
		made, err := k.open(t).EnsureTopics(within(t), kafka.Topic{Name: topic, Partitions: partitions})
		if err == nil && len(made) == 0 {
			err = fmt.Errorf("%s is not gone yet", topic)
		}
		return err
	})
}

// journal is what the work of a group has seen.
type journal struct {
	mu   sync.Mutex
	read []string // the commits with which claims began, and the values that were read after each
}

func (j *journal) enter(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f()
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.read, " ")
}

// waitFor waits until the journal is as wanted.
func (j *journal) waitFor(t *testing.T, want string) {
	t.Helper()
	eventually(t, func() error {
		if got := j.String(); got != want {
			return fmt.Errorf("the group saw %q, want %q", got, want)
		}
		return nil
	})
}

// work reads a claim from its commit on, and commits what it has read.
func (j *journal) work(ctx context.Context, claim stream.Claim) error {
	j.enter(func() {
		j.read = append(j.read, fmt.Sprintf("from(%d,%s)", claim.Committed.Offset, claim.Committed.Metadata))
	})
	for next := max(claim.Committed.Offset, claim.Start); ; {
		b, err := claim.Log.Fetch(ctx, next, 100*time.Millisecond)
		if err != nil {
			return err
		}
		j.enter(func() {
			for _, r := range b.Records {
				j.read = append(j.read, string(r.Value))
			}
		})
		if b.Next > next {
			if err := claim.Offsets.Commit(ctx, stream.Commit{Offset: b.Next, Metadata: `{"v":1}`}); err != nil {
				return err
			}
		}
		next = b.Next
	}
}

// consume lets a group consume a topic until the test ends.
func (j *journal) consume(t *testing.T, c *kafka.Client, group, topic string, writes ...string) (ended <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	out, done := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(done)
		out <- c.Consume(ctx, group, topic, j.work, writes...)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return out
}

// A topic that is made anew while a group reads it is read from its start, also when it
// is at once longer than what was read of the old one.
func TestATopicMadeAnewIsReadFromItsStart(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k cluster) {
		topic, log := k.topic(t, 1, nil), &logRecorder{}
		c := k.openLogging(t, log.logger())
		write(t, c, topic, 0, values("a", "b", "c"))
		var j journal
		j.consume(t, c, unique(t), topic)
		j.waitFor(t, "from(-1,) a b c")
		k.makeAnew(t, topic, 1)
		write(t, k.open(t), topic, 0, values("1", "2", "3", "4", "5"))
		j.waitFor(t, "from(-1,) a b c from(-1,) 1 2 3 4 5")
		if log.count("a topic was made anew, or has lost its end: going on as after a restart") == 0 || log.count(topic+" was deleted and made anew") == 0 {
			t.Errorf("the log does not name the topic:\n%s", log)
		}
	})
}

// What a member commits after its topic was made anew is of the old log. Nobody goes on
// from it.
func TestACommitOfATopicThatIsGoneCountsAsNone(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k cluster) {
		topic, group := k.topic(t, 1, nil), unique(t)
		write(t, k.open(t), topic, 0, values("a", "b", "c"))
		held, release := make(chan stream.Claim, 1), make(chan struct{})
		ended := make(chan error, 1)
		go func() {
			ended <- k.open(t).Consume(within(t), group, topic, func(_ context.Context, claim stream.Claim) error {
				held <- claim
				<-release
				return errors.New("killed")
			})
		}()
		claim := receive(t, held)
		k.makeAnew(t, topic, 1)
		write(t, k.open(t), topic, 0, values("1", "2", "3", "4", "5"))
		stale := stream.Commit{Offset: 3, Metadata: `{"v":1}`}
		eventually(t, func() error { return claim.Offsets.Commit(within(t), stale) })
		res, err := k.kafkaGoClient(t).OffsetFetch(within(t), &kafkago.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: {0}}})
		if err != nil || res.Topics[topic][0].CommittedOffset != 3 {
			t.Fatalf("the brokers have the commit %+v, %v, want one at 3", res, err)
		}
		if got, err := k.open(t).Committed(within(t), group, topic, 0); err != nil || got.Offset != stream.None {
			t.Errorf("Committed = %+v, %v, want none", got, err)
		}
		close(release)
		if err := receive(t, ended); err == nil {
			t.Error("Consume = nil, want the error of work")
		}
		var j journal
		j.consume(t, k.open(t), group, topic)
		j.waitFor(t, "from(-1,) 1 2 3 4 5")
	})
}

// When a topic that is written to is made anew, claims begin again from their commits, so
// that what is not in the new log is written once more.
func TestClaimsBeginAgainWhenWhatTheyWriteIsMadeAnew(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k cluster) {
		topic, written, c := k.topic(t, 1, nil), k.topic(t, 2, nil), k.open(t)
		write(t, c, topic, 0, values("a", "b"))
		var j journal
		ended := j.consume(t, c, unique(t), topic, written)
		j.waitFor(t, "from(-1,) a b")
		k.makeAnew(t, written, 2)
		j.waitFor(t, `from(-1,) a b from(2,{"v":1})`)
		write(t, c, topic, 0, values("c"))
		j.waitFor(t, `from(-1,) a b from(2,{"v":1}) c`)
		k.makeAnew(t, written, 3)
		if err := receive(t, ended); err == nil || !strings.Contains(err.Error(), written+" had 2 partitions when this process began and has 3 now") {
			t.Errorf("Consume = %v, want an error that names the topic and both numbers", err)
		}
	})
}

// Brokers before Apache Kafka 2.8 have no ids of topics. Then a log that is shorter than
// what was read of it is taken for another one.
func TestATopicMadeAnewOnBrokersWithoutIDs(t *testing.T) {
	t.Parallel()
	k := newProxy(t, embedded(t, broker.Config{}))
	k.on(kmsg.ApiVersions, func(req kmsg.Request, pass func(kmsg.Request) kmsg.Response) (kmsg.Response, bool) {
		res := pass(req)
		if versions, ok := res.(*kmsg.ApiVersionsResponse); ok {
			for i, api := range versions.ApiKeys {
				if limit, ok := map[kmsg.Key]int16{kmsg.Metadata: 9, kmsg.Fetch: 12}[kmsg.Key(api.ApiKey)]; ok {
					versions.ApiKeys[i].MaxVersion = limit
				}
			}
		}
		return res, false
	})
	topic := k.topic(t, 1, nil)
	write(t, k.open(t), topic, 0, values("a", "b", "c"))
	var j journal
	j.consume(t, k.open(t), unique(t), topic)
	j.waitFor(t, "from(-1,) a b c")
	k.makeAnew(t, topic, 1)
	write(t, k.open(t), topic, 0, values("1"))
	j.waitFor(t, "from(-1,) a b c from(-1,) 1")
}

func TestATopicMadeAnewWithAnotherNumberOfPartitionsIsNamed(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k cluster) {
		for _, now := range []int{1, 3} {
			topic := k.topic(t, 2, nil)
			var j journal
			ended := j.consume(t, k.open(t), unique(t), topic)
			eventually(t, func() error {
				if got := j.String(); got != "from(-1,) from(-1,)" {
					return fmt.Errorf("claims: %s", got)
				}
				return nil
			})
			k.makeAnew(t, topic, now)
			want := fmt.Sprintf("%s had 2 partitions when this process began and has %d now", topic, now)
			if err := receive(t, ended); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Consume = %v, want %q", err, want)
			}
		}
	})
}

// Who follows a topic goes on with the first record of a new one.
func TestATopicMadeAnewIsFollowed(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k cluster) {
		topic, c := k.topic(t, 1, nil), k.open(t)
		write(t, c, topic, 0, values("a", "b"))
		ctx, cancel := context.WithCancel(within(t))
		var mu sync.Mutex
		var got []string
		ended := make(chan error, 1)
		go func() {
			ended <- stream.Follow(ctx, c.Reader(topic, 0), 0, 2, func(b stream.Batch) {
				mu.Lock()
				defer mu.Unlock()
				for _, r := range b.Records {
					got = append(got, string(r.Value))
				}
			}, nil)
		}()
		follows := func(want ...string) {
			t.Helper()
			eventually(t, func() error {
				mu.Lock()
				defer mu.Unlock()
				if !slices.Equal(got, want) {
					return fmt.Errorf("followed %q, want %q", got, want)
				}
				return nil
			})
		}
		follows("a", "b")
		k.makeAnew(t, topic, 1)
		write(t, k.open(t), topic, 0, values("1", "2", "3"))
		follows("a", "b", "1", "2", "3")
		k.makeAnew(t, topic, 1)
		write(t, k.open(t), topic, 0, values("x"))
		follows("a", "b", "1", "2", "3", "x")
		cancel()
		if err := receive(t, ended); err != nil {
			t.Errorf("Follow = %v", err)
		}
	})
}

// A producer goes on when its topic is made anew. Of all that it says is written since
// then, each record is there once, and of what it says is not written none is.
func TestAProducerGoesOnWhenItsTopicIsMadeAnew(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k cluster) {
		const partitions = 3
		topic, c := k.topic(t, partitions, nil), k.open(t)
		p := kafka.NewProducer(c, kafka.ProducerConfig{Topic: topic, Timeout: 4 * time.Second})
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		defer func() {
			cancel()
			if err := receive(t, done); err != nil {
				t.Error(err)
			}
		}()
		eventually(t, p.Err) // until it knows the partitions

		// With these, sequences are not at 0 any more.
		for i := range 20 {
			if err := p.Append(within(t), values(fmt.Sprint("old", i))); err != nil {
				t.Fatal(err)
			}
		}
		k.remove(t, topic)
		err := p.Append(within(t), values("gone"))
		if !errors.Is(err, stream.ErrNotWritten) && !errors.Is(err, stream.ErrInDoubt) {
			t.Errorf("without the topic Append = %v, want that it is not written, or in doubt", err)
		}
		if p.Err() == nil {
			t.Error("without the topic the producer says that it can write")
		}
		made := make(chan struct{})
		go func() {
			defer close(made)
			k.make(t, topic, partitions)
		}()
		outcomes := map[string]error{}
		written, inARow := false, 0
		for i := 0; inARow < 50; i++ {
			name := fmt.Sprint("new", i)
			outcomes[name] = p.Append(within(t), values(name))
			if inARow++; outcomes[name] != nil {
				inARow = 0
			}
			written = written || outcomes[name] == nil
		}
		receive(t, made)
		if err := p.Err(); err != nil {
			t.Errorf("the producer says: %v", err)
		}
		n := copies(t, k.open(t), topic, partitions)
		for name, err := range outcomes {
			switch copies := n[name]; {
			case err == nil && copies != 1, errors.Is(err, stream.ErrNotWritten) && copies != 0, copies > 1:
				t.Errorf("%s: Append = %v, and it is there %d times", name, err, copies)
			case err != nil && !errors.Is(err, stream.ErrNotWritten) && !errors.Is(err, stream.ErrInDoubt):
				t.Errorf("%s: Append = %v", name, err)
			}
		}
	})
}

func TestAProducerNamesAnotherNumberOfPartitions(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k cluster) {
		topic := k.topic(t, 2, nil)
		p := kafka.NewProducer(k.open(t), kafka.ProducerConfig{Topic: topic})
		done := make(chan error, 1)
		go func() { done <- p.Run(within(t)) }()
		eventually(t, p.Err)
		k.makeAnew(t, topic, 1)
		want := topic + " had 2 partitions when this process began and has 1 now"
		if err := receive(t, done); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Run = %v, want %q", err, want)
		}
		if err := p.Append(within(t), values("late")); !errors.Is(err, stream.ErrNotWritten) {
			t.Errorf("after that Append = %v, want that it is not written", err)
		}
	})
}

// A topic that somebody deletes, and nobody creates, is named, and created again with as
// many partitions as it had.
func TestTopicKeeper(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k cluster) {
		topic, log := k.topic(t, 3, nil), &logRecorder{}
		c := k.openLogging(t, log.logger())
		keeper := kafka.NewTopicKeeper(c, kafka.Topic{Name: topic, Partitions: 3})
		ctx, cancel := context.WithCancel(within(t))
		done := make(chan error, 1)
		go func() { done <- keeper.Run(ctx) }()
		k.remove(t, topic)
		eventually(t, func() error {
			if err := keeper.Err(); err == nil || !strings.Contains(err.Error(), topic) {
				return fmt.Errorf("Err = %w, want an error that names the topic", err)
			}
			return nil
		})
		if log.count("a topic is gone: it is created again if nobody does so soon") != 1 {
			t.Errorf("the log does not say so:\n%s", log)
		}
		eventually(t, func() error { return keeper.Err() })
		if n, err := k.open(t).Partitions(within(t), topic); err != nil || n != 3 {
			t.Errorf("the topic has %d partitions, %v, want 3", n, err)
		}
		if log.count("created topics") != 1 || log.count("the topic is there again") != 1 {
			t.Errorf("the log does not say so:\n%s", log)
		}
		cancel()
		if err := receive(t, done); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}
