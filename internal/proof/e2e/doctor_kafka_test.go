package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/proof/kafkatest"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// ward is a Kafka cluster on which tests create the topics of installations without
// running their stages. Each installation has one fault, or none.
type ward struct {
	t       *testing.T
	brokers []string
	apache  bool
	client  *kafka.Client
}

func newWard(t *testing.T) ward {
	t.Helper()
	w := ward{t: t, apache: true, brokers: strings.Split(os.Getenv(kafkatest.BrokersVariable), ",")}
	if w.brokers[0] == "" {
		w.apache, w.brokers = false, []string{free(t)}
		start(t, "broker", "--listen", w.brokers[0], "--ephemeral")
	}
	var err error
	if w.client, err = kafka.Open(kafka.Config{Brokers: w.brokers}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.client.Close)
	return w
}

// lay creates the topics of an installation, after change has planted a fault in their
// settings. change may be nil.
func (w ward) lay(t *testing.T, change func(l kafka.Layout, topics map[string]kafka.Topic)) (*installation, patient) {
	t.Helper()
	in := &installation{t: t, brokers: w.brokers, names: wire.Topics{Prefix: prefix(t)}}
	l := kafka.Layout{Names: in.names}
	topics := map[string]kafka.Topic{
		"reactions": l.ReactionsTopic(), "partials": l.PartialsTopic(), "counts": l.CountsTopic(),
		"servers": l.ServersTopic(), "clock": l.ClockTopic(), "controls": l.ControlsTopic(), "cluster": l.ClusterTopic("cluster_1"), "sub": l.ServerTopic("sub1"),
	}
	if change != nil {
		change(l, topics)
	}
	ctx, cancel := context.WithTimeout(t.Context(), maxWait)
	defer cancel()
	for _, topic := range topics {
		if _, err := w.client.EnsureTopics(ctx, topic); err != nil {
			t.Fatal(err)
		}
	}
	return in, patientOf(t, in)
}

// write appends a record whose time is ago before now.
func (w ward) write(t *testing.T, topic, key string, value []byte, ago time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), maxWait)
	defer cancel()
	r := stream.Record{Time: time.Now().Add(-ago).UnixMilli(), Key: []byte(key), Value: value}
	if err := w.client.Writer(topic).Write(ctx, 0, []stream.Record{r}); err != nil {
		t.Fatal(err)
	}
}

// Doctor finds each setting of a topic that breaks the promise, and finds nothing else
// wrong.
func TestDoctorFindsTopicsSetWrongly(t *testing.T) {
	sideBySide(t)
	w := newWard(t)
	const embedded, three = "embedded", "three brokers"
	for name, tt := range map[string]struct {
		topic, setting, value string // if value is empty, the setting is left out
		on                    string // the only kind of cluster that can have this setting; empty: every kind
	}{
		"compaction of reactions":              {"reactions", "cleanup.policy", "compact", ""},
		"compaction of counts":                 {"counts", "cleanup.policy", "compact,delete", ""},
		"heartbeats that are never compacted":  {"servers", "cleanup.policy", "delete", ""},
		"controls that are forgotten":          {"controls", "cleanup.policy", "delete", ""},
		"the time of the brokers on reactions": {"reactions", "message.timestamp.type", "LogAppendTime", ""},
		"a time of the sender on heartbeats":   {"servers", "message.timestamp.type", "CreateTime", ""},
		"the time of any clock":                {"reactions", "message.timestamp.after.max.ms", "9223372036854775807", ""},
		"no limit for clocks":                  {"reactions", "message.timestamp.after.max.ms", "", embedded},
		"right clocks refused":                 {"reactions", "message.timestamp.after.max.ms", "100", ""},
		"reactions that waited refused":        {"reactions", "message.timestamp.before.max.ms", "1000", ""},
		"partials that are soon gone":          {"partials", "retention.ms", "5000", ""},
		"reactions that are soon gone":         {"reactions", "retention.ms", "11000", ""},
		"batches refused":                      {"reactions", "max.message.bytes", "100000", ""},
		"a bad leader":                         {"counts", "unclean.leader.election.enable", "true", ""},
		"no write while a broker is away":      {"reactions", "min.insync.replicas", "3", ""},
		"acknowledged by one":                  {"reactions", "min.insync.replicas", "1", three},
		"one copy":                             {"partials", "replication", "1", three},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.on == embedded && w.apache || tt.on == three && len(w.brokers) < 3 {
				t.Skip("on " + tt.on)
			}
			name := ""
			_, p := w.lay(t, func(_ kafka.Layout, topics map[string]kafka.Topic) {
				topic := topics[tt.topic]
				name, topic.Config = topic.Name, maps.Clone(topic.Config)
				switch topic.Config[tt.setting] = tt.value; {
				case tt.value == "":
					delete(topic.Config, tt.setting)
				case tt.setting == "replication":
					delete(topic.Config, tt.setting)
					topic.Replication = 1
				}
				topics[tt.topic] = topic
			})
			p.check(t, "topics/"+name+" "+tt.setting)
		})
	}
	t.Run("none", func(t *testing.T) {
		_, p := w.lay(t, nil)
		p.check(t)
	})
	t.Run("no topics at all", func(t *testing.T) {
		in := &installation{t: t, brokers: w.brokers, names: wire.Topics{Prefix: prefix(t)}}
		patientOf(t, in).check(t)
	})
}

// Doctor finds reactions that no aggregate counts, counts that no publish sends, and
// partitions that were added since the last commit.
func TestDoctorFindsWhatWaits(t *testing.T) {
	sideBySide(t)
	w := newWard(t)
	tap := []byte(`{"user_id":"ann","emoji_type":"🔥","timestamp":"now"}`)
	t.Run("no aggregate", func(t *testing.T) {
		in, p := w.lay(t, nil)
		w.write(t, in.names.Reactions(), "", tap, 0)
		p.check(t, "counting/"+in.names.Prefix+"combine")
	})
	t.Run("aggregate has stopped", func(t *testing.T) {
		in, p := w.lay(t, nil)
		a := start(t, "aggregate", "--brokers", strings.Join(w.brokers, ","), "--topic-prefix", in.names.Prefix, "--group-prefix", in.names.Prefix)
		w.write(t, in.names.Reactions(), "", tap, 0)
		until(t, "it is counted", func() error {
			if _, n := in.counted(); n != 1 {
				return fmt.Errorf("%d are", n)
			}
			return nil
		})
		p.waitFor(t, "counting/"+in.names.Prefix+"publish") // there is no publish
		a.stop()
		p.waitFor(t, "counting/"+in.names.Prefix+"publish")
		w.write(t, in.names.Reactions(), "", tap, 0)
		p.check(t, "counting/"+in.names.Prefix+"combine")
		w.grow(t, in.names.Reactions(), 6)
		p.waitFor(t, "counting/partitions")
	})
	t.Run("no publish", func(t *testing.T) {
		in, p := w.lay(t, nil)
		w.write(t, in.names.Counts(), "", []byte(`{"window":{"start":"2026-11-25T09:00:00Z","end":"2026-11-25T09:00:02Z"},"emoji_type":"🔥","emoji_count":3,"emoji_count_aggregated":1}`), 0)
		p.check(t, "counting/"+in.names.Prefix+"publish")
		w.write(t, in.names.Cluster("cluster_1"), "main", []byte(`{"channel":"main","window":{"start":"2026-11-25T09:00:00Z","end":"2026-11-25T09:00:02Z"},"total":3,"emojis":[]}`), 0)
		p.check(t)
	})
}

// grow gives a topic more partitions.
func (w ward) grow(t *testing.T, topic string, partitions int) {
	t.Helper()
	c := kafkago.Client{Addr: kafkago.TCP(w.brokers...), Timeout: maxWait}
	res, err := c.CreatePartitions(t.Context(), &kafkago.CreatePartitionsRequest{
		Topics: []kafkago.TopicPartitionsConfig{{Name: topic, Count: int32(partitions)}},
	})
	if err == nil {
		err = res.Errors[topic]
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Doctor finds subscriber servers that are silent, share a name, belong to a cluster
// without a topic, or cannot be reached.
func TestDoctorFindsFaultsOfServers(t *testing.T) {
	sideBySide(t)
	w := newWard(t)
	answers := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = rw.Write([]byte(`{"status":"ok"}`))
	}))
	t.Cleanup(answers.Close)
	beat := func(name, instance, cluster, url string) wire.ServerStatus {
		return wire.ServerStatus{
			Name: name, Instance: instance, URL: url, Cluster: cluster, Capacity: 10, State: wire.StateServing,
		}
	}
	aimed := func(s wire.ServerStatus, topic string) wire.ServerStatus {
		s.Topic = topic
		return s
	}
	for name, tt := range map[string]struct {
		beats []wire.ServerStatus
		ago   time.Duration
		want  []string
	}{
		"none is amiss": {[]wire.ServerStatus{beat("sub1", "a", "cluster_1", answers.URL)}, 0, nil},
		"silent":        {[]wire.ServerStatus{beat("sub1", "a", "cluster_1", answers.URL)}, time.Minute, []string{"servers/sub1"}},
		"two of a name": {[]wire.ServerStatus{
			beat("sub2", "a", "cluster_1", answers.URL), beat("sub2", "b", "cluster_1", answers.URL), beat("sub2", "a", "cluster_1", answers.URL),
		}, 0, []string{"servers/sub2"}},
		"one that took over": {[]wire.ServerStatus{
			beat("sub2", "a", "cluster_1", "http://127.0.0.1:1"), beat("sub2", "b", "cluster_1", answers.URL),
		}, 0, nil},
		"an address for itself": {[]wire.ServerStatus{beat("sub3", "a", "cluster_1", "http://"+free(t))}, 0, []string{"servers/sub3"}},
		"one aimed at another topic": {[]wire.ServerStatus{
			beat("sub1", "a", "cluster_1", answers.URL), aimed(beat("sub5", "a", "cluster_1", answers.URL), "emoji-topic"),
		}, 0, []string{"servers/{topic}"}},
		"a cluster without a topic": {[]wire.ServerStatus{beat("sub4", "a", "cluster_9", answers.URL)}, 0, []string{"servers/sub4"}},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.ago > 0 && w.apache {
				t.Skip("its brokers stamp heartbeats themselves")
			}
			in, p := w.lay(t, nil)
			// With a publisher for the clusters, only the servers can be wrong.
			pub := start(t, "publish", "--brokers", strings.Join(w.brokers, ","), "--clusters", "cluster_1",
				"--topic-prefix", in.names.Prefix, "--group-prefix", in.names.Prefix)
			defer pub.kill()
			until(t, "publish has joined", func() error {
				ctx, cancel := context.WithTimeout(t.Context(), maxWait)
				defer cancel()
				for _, group := range []string{"publish", "publish-cluster_1"} {
					g, err := w.client.Group(ctx, in.names.Prefix+group)
					if err != nil || g.State != "Stable" {
						return errors.Join(err, fmt.Errorf("%s: %+v", group, g))
					}
				}
				return nil
			})
			for _, b := range tt.beats {
				if b.Topic == "" {
					b.Topic = in.names.Server(b.Name)
				}
				w.write(t, in.names.Servers(), b.Name, b.Encode(), tt.ago)
			}
			want := slices.Clone(tt.want)
			for i, check := range want {
				want[i] = strings.ReplaceAll(check, "{topic}", in.names.Servers())
			}
			p.check(t, want...)
		})
	}
}

// Doctor reports a broker that is down once: as that broker if --brokers names it, else
// by the replicas that are missing.
func TestDoctorFindsABrokerAway(t *testing.T) {
	control := kafkatest.Control{URL: os.Getenv(kafkatest.ControlVariable)}
	if control.URL == "" {
		t.Skip("needs brokers of Apache Kafka that can be killed: make test-kafka")
	}
	w := newWard(t)
	in, p := w.lay(t, nil)
	p.check(t)
	last := len(w.brokers) - 1
	if err := control.Kill(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), maxWait)
		defer cancel()
		if err := control.Start(ctx, last); err != nil {
			t.Error(err)
		}
		p.waitFor(t)
	})
	p.waitFor(t, "brokers/"+w.brokers[last])
	in.brokers = w.brokers[:last]
	patientOf(t, in).waitFor(t, "topics/replicas")
}
