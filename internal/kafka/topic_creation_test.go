package kafka_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/wire"
)

func topicOf(name string, partitions int) kafka.Topic {
	return kafka.Topic{Name: name, Partitions: partitions}
}

func TestEnsureTopicsCreatesWhatIsMissing(t *testing.T) {
	onEach(t, func(t *testing.T, k cluster) {
		c := k.open(t)
		one, two := unique(t)+"-1", unique(t)+"-2"
		settings := map[string]string{"retention.ms": "3600000", "message.timestamp.after.max.ms": "5000"}
		created, err := c.EnsureTopics(within(t), kafka.Topic{Name: one, Partitions: 3, Config: settings})
		if err != nil || !slices.Equal(created, []string{one}) {
			t.Fatalf("the first: %q, %v", created, err)
		}
		// The topic can be used at once.
		write(t, c, one, 2, values("x"))

		created, err = c.EnsureTopics(within(t), topicOf(one, 7), topicOf(two, 1))
		if err != nil || !slices.Equal(created, []string{two}) {
			t.Fatalf("one that exists and one that does not: %q, %v", created, err)
		}
		created, err = c.EnsureTopics(within(t), topicOf(two, 1), topicOf(one, 1))
		if err != nil || len(created) > 0 {
			t.Fatalf("both exist: %q, %v", created, err)
		}

		states, err := c.Describe(within(t), one, unique(t), two)
		if err != nil {
			t.Fatal(err)
		}
		if s := states[0]; !s.Exists || s.Name != one || s.Partitions != 3 || s.Leaderless != 0 || s.UnderISR != 0 {
			t.Errorf("%s is %+v, want it as it was created", one, s)
		}
		for key, want := range settings {
			if got := states[0].Config[key]; got != want {
				t.Errorf("%s: %s = %q, want %s", one, key, got, want)
			}
		}
		if states[1].Exists {
			t.Errorf("a topic that nobody made exists: %+v", states[1])
		}
		if !states[2].Exists || states[2].Partitions != 1 {
			t.Errorf("%s is %+v", two, states[2])
		}
	})
}

// A bound on the bytes of a partition is set, but not on the embedded broker, which
// bounds its log as a whole: there it would replace a smaller bound.
func TestEnsureTopicsBoundsBytes(t *testing.T) {
	t.Parallel()
	for _, embeddedBroker := range []bool{true, false} {
		f := newProxy(t, embedded(t, broker.Config{RetentionBytes: 1 << 20}))
		if !embeddedBroker {
			f.disguiseAs("another")
		}
		c, name := f.open(t), unique(t)
		layout := kafka.Layout{Names: wire.Topics{Prefix: name + "."}}
		topic := layout.ReactionsTopic()
		if _, err := c.EnsureTopics(within(t), topic); err != nil {
			t.Fatal(err)
		}
		states, err := c.Describe(within(t), topic.Name)
		if err != nil {
			t.Fatal(err)
		}
		got, want := states[0].Config["retention.bytes"], "17179869184"
		if embeddedBroker == (got == want) {
			t.Errorf("embedded %v: retention.bytes = %q", embeddedBroker, got)
		}
	}
}

// A topic has three copies, or as many as there are brokers if there are fewer. All of
// them but one must have a record before it is acknowledged.
func TestEnsureTopicsChoosesReplication(t *testing.T) {
	onEach(t, func(t *testing.T, k cluster) {
		c := k.open(t)
		copies := min(3, len(k.brokers))
		for _, test := range []struct {
			name        string
			topic       kafka.Topic
			replication int
			inSync      string
		}{
			{"by itself", kafka.Topic{}, copies, strconv.Itoa(max(1, copies-1))},
			{"as told", kafka.Topic{Replication: 1}, 1, "1"},
			{"with the caller's minimum in sync", kafka.Topic{Config: map[string]string{"min.insync.replicas": "1"}}, copies, "1"},
		} {
			topic := test.topic
			topic.Name, topic.Partitions = unique(t), 1
			if _, err := c.EnsureTopics(within(t), topic); err != nil {
				t.Errorf("%s: %v", test.name, err)
				continue
			}
			states, err := c.Describe(within(t), topic.Name)
			if err != nil {
				t.Fatal(err)
			}
			if got := states[0]; got.Replication != test.replication || got.Config["min.insync.replicas"] != test.inSync {
				t.Errorf("%s: %d copies, %s in sync; want %d and %s", test.name,
					got.Replication, got.Config["min.insync.replicas"], test.replication, test.inSync)
			}
		}
	})
}

func TestEnsureTopicsByManyAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, k cluster) {
		topics := []kafka.Topic{topicOf(unique(t), 2), topicOf(unique(t), 1), topicOf(unique(t), 1)}
		var (
			creators sync.WaitGroup
			mu       sync.Mutex
			created  []string
		)
		for range 8 {
			c := k.open(t)
			creators.Go(func() {
				names, err := c.EnsureTopics(within(t), topics...)
				if err != nil {
					t.Errorf("EnsureTopics: %v", err)
				}
				for _, topic := range topics {
					if n, err := c.Partitions(within(t), topic.Name); err != nil || n != topic.Partitions {
						t.Errorf("right after, %s has %d partitions, %v; want %d", topic.Name, n, err, topic.Partitions)
					}
				}
				mu.Lock()
				defer mu.Unlock()
				created = append(created, names...)
			})
		}
		creators.Wait()
		slices.Sort(created)
		want := []string{topics[0].Name, topics[1].Name, topics[2].Name}
		slices.Sort(want)
		if !slices.Equal(created, want) {
			t.Errorf("between them they created %q, want each of %q once", created, want)
		}
	})
}

func TestEnsureTopicsThatCannotBe(t *testing.T) {
	onEach(t, func(t *testing.T, k cluster) {
		good, bad := topicOf(unique(t), 1), kafka.Topic{Name: unique(t), Partitions: 1, Replication: 100}
		created, err := k.open(t).EnsureTopics(within(t), bad, good)
		if err == nil || !strings.Contains(err.Error(), bad.Name) {
			t.Errorf("EnsureTopics = %v, want an error that names the topic", err)
		}
		if !slices.Equal(created, []string{good.Name}) {
			t.Errorf("created %q beside it, want %s", created, good.Name)
		}
	})
}

// An attempt to create topics may fail in part. EnsureTopics returns the topics that it
// created, too.
func TestEnsureTopicsTriesAgain(t *testing.T) {
	f := newProxy(t, embedded(t, broker.Config{}))
	name := unique(t)
	one, two := topicOf(name+"-1", 1), topicOf(name+"-2", 1)
	f.refuseFirstCreation(two.Name)
	created, err := f.open(t).EnsureTopics(within(t), one, two)
	if want := []string{one.Name, two.Name}; err != nil || !slices.Equal(created, want) {
		t.Errorf("EnsureTopics = %q, %v, want %q", created, err, want)
	}
}

func TestPartitionsWaitsForTheTopic(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k cluster) {
		topic := topicOf(unique(t), 5)
		c, ctx := k.open(t), within(t)
		found := make(chan int, 1)
		go func() {
			n, err := c.Partitions(ctx, topic.Name)
			if err != nil {
				t.Errorf("Partitions: %v", err)
			}
			found <- n
		}()
		if _, err := k.open(t).EnsureTopics(within(t), topic); err != nil {
			t.Fatal(err)
		}
		if n := receive(t, found); n != 5 {
			t.Errorf("%d partitions, want 5", n)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Partitions(ended, unique(t)); !errors.Is(err, context.Canceled) {
			t.Errorf("Partitions of no topic with a context that has ended: %v", err)
		}
	})
}

func TestLeaders(t *testing.T) {
	onEach(t, func(t *testing.T, k cluster) {
		c, topic := k.open(t), k.topic(t, 3, nil)
		if away, err := c.Leaders(within(t), topic); err != nil || len(away) > 0 {
			t.Errorf("a topic that is well: %v, %v", away, err)
		}
		name := unique(t)
		if _, err := c.Leaders(within(t), name); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("a topic that is not there: %v, want an error that names %s", err, name)
		}
	})
}

func TestLeadersOfABrokerThatIsGone(t *testing.T) {
	b, stop := run(t, broker.Config{})
	k := cluster{brokers: []string{b.Addr()}}
	topic, c := k.topic(t, 1, nil), k.open(t)
	if _, err := c.Leaders(within(t), topic); err != nil {
		t.Fatal(err)
	}
	stop()
	began := time.Now()
	if _, err := c.Leaders(within(t), topic); err == nil {
		t.Error("Leaders finds nothing wrong with a broker that is gone")
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v to say so", took)
	}
}

func TestEmbeddedIsTold(t *testing.T) {
	onEach(t, func(t *testing.T, k cluster) {
		c := k.open(t)
		id, err := c.Ping(within(t))
		if err != nil || id == "" || (id == wire.EmbeddedClusterID) != k.embedded {
			t.Errorf("Ping = %q, %v", id, err)
		}
		if is, err := c.Embedded(within(t)); err != nil || is != k.embedded {
			t.Errorf("Embedded = %v, %v, want %v", is, err, k.embedded)
		}
	})
}

func TestOpenRefusesWhatCannotBeAnAddress(t *testing.T) {
	for _, addr := range []string{"", "localhost", "localhost:9092:1", "::1"} {
		for _, names := range []kafka.SettingNames{{}, {Brokers: "--brokers"}} {
			c, err := kafka.Open(kafka.Config{Brokers: []string{"localhost:9092", addr}, Names: names})
			if err == nil {
				c.Close()
				t.Errorf("%q was taken", addr)
			} else if !strings.Contains(err.Error(), "host:port") || !strings.HasPrefix(err.Error(), cmp.Or(names.Brokers, "Brokers")+": ") {
				t.Errorf("%q: %v, which does not say what is wanted", addr, err)
			}
		}
	}
}

// SetRetention changes the retention and nothing else. Its error names a topic that
// does not exist.
func TestRetain(t *testing.T) {
	onEach(t, func(t *testing.T, k cluster) {
		c := k.open(t)
		one, two := unique(t)+"-1", unique(t)+"-2"
		settings := map[string]string{"retention.ms": "3600000", "message.timestamp.type": "CreateTime"}
		if _, err := c.EnsureTopics(within(t), kafka.Topic{Name: one, Partitions: 1, Config: settings}, kafka.Topic{Name: two, Partitions: 1, Config: settings}); err != nil {
			t.Fatal(err)
		}
		if err := c.SetRetention(within(t), map[string]time.Duration{one: kafka.RetainForever, two: 2 * time.Hour}); err != nil {
			t.Fatal(err)
		}
		changed := func() bool {
			states, err := c.Describe(within(t), one, two)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range states {
				if s.Config["message.timestamp.type"] != "CreateTime" {
					t.Fatalf("%s is %+v", s.Name, s)
				}
			}
			return states[0].Config["retention.ms"] == "-1" && states[1].Config["retention.ms"] == "7200000"
		}
		for ctx := within(t); !changed(); { // other brokers may learn of it later
			select {
			case <-ctx.Done():
				t.Fatal("the retention stays as it was")
			case <-time.After(50 * time.Millisecond):
			}
		}
		none := unique(t) + "-none"
		if err := c.SetRetention(within(t), map[string]time.Duration{none: time.Hour}); err == nil || !strings.Contains(err.Error(), none) {
			t.Errorf("of a topic that does not exist: %v", err)
		}
	})
}
