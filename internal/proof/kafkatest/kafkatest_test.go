package kafkatest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/emostream/emostream/internal/proof/kafkatest"
	"github.com/emostream/emostream/internal/sleep"
)

// partitions is the number of partitions of the topic that is written.
const partitions = 3

// TestWritesSurviveAKilledLeader runs under the command, and so tests the command too:
// make test-kafka.
func TestWritesSurviveAKilledLeader(t *testing.T) {
	addrs := strings.Split(os.Getenv(kafkatest.BrokersVariable), ",")
	if addrs[0] == "" {
		t.Skip("needs a cluster: make test-kafka")
	}
	if len(addrs) < 3 {
		t.Skipf("needs three brokers, has %d", len(addrs))
	}
	control := kafkatest.Control{URL: os.Getenv(kafkatest.ControlVariable)}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()

	topic := fmt.Sprintf("kafkatest-%d", time.Now().UnixNano())
	client := &kafka.Client{Addr: kafka.TCP(addrs...), Timeout: 10 * time.Second}
	created, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: partitions, ReplicationFactor: 3}},
	})
	if err == nil {
		err = created.Errors[topic]
	}
	if err != nil {
		t.Fatalf("create the topic: %v", err)
	}
	broker := leader(ctx, t, addrs, topic)

	writer := &kafka.Writer{
		Addr: kafka.TCP(addrs...), Topic: topic, Balancer: &kafka.RoundRobin{},
		RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond, MaxAttempts: 1,
	}
	defer writer.Close()
	write := func(value string) {
		t.Helper()
		for {
			err := writer.WriteMessages(ctx, kafka.Message{Value: []byte(value)})
			if err == nil {
				return
			}
			pause(ctx, t, fmt.Errorf("write %q: %w", value, err))
		}
	}
	write("before the kill")
	if err := control.Kill(ctx, broker); err != nil {
		t.Fatal(err)
	}
	if err := control.Kill(ctx, broker); err == nil {
		t.Error("a dead broker was killed again without an error")
	}
	write("while it is dead")
	if err := control.Start(ctx, broker); err != nil {
		t.Fatal(err)
	}
	if err := control.Start(ctx, broker); err == nil {
		t.Error("a running broker was started again without an error")
	}
	write("after it is back")
	next := (leader(ctx, t, addrs, topic) + 1) % 3
	if err := control.MoveLeaders(ctx, next); err != nil {
		t.Fatal(err)
	}
	for leader(ctx, t, addrs, topic) != next {
		pause(ctx, t, fmt.Errorf("broker %d does not lead yet", next))
	}
	write("after the leader has moved")

	got := read(ctx, t, addrs[0], topic)
	for _, want := range []string{"before the kill", "while it is dead", "after it is back", "after the leader has moved"} {
		if !slices.Contains(got, want) {
			t.Errorf("the topic does not hold %q; it holds %q", want, got)
		}
	}
}

// leader returns the broker that leads the topic's first partition.
func leader(ctx context.Context, t *testing.T, addrs []string, topic string) int {
	t.Helper()
	for {
		p, err := kafka.DefaultDialer.LookupPartition(ctx, "tcp", addrs[0], topic, 0)
		if err == nil {
			addr := p.Leader.Host + ":" + strconv.Itoa(p.Leader.Port)
			if i := slices.Index(addrs, addr); i == p.Leader.ID && i >= 0 {
				return i
			}
			err = fmt.Errorf("its leader %d at %q is none of %q", p.Leader.ID, addr, addrs)
		}
		pause(ctx, t, fmt.Errorf("look up the leader: %w", err))
	}
}

// read returns everything that the topic's partitions hold. It tries each again while it
// has no leader.
func read(ctx context.Context, t *testing.T, addr, topic string) []string {
	t.Helper()
	var values []string
	for partition := range partitions {
		for {
			got, err := readPartition(ctx, addr, topic, partition)
			if err == nil {
				values = append(values, got...)
				break
			}
			pause(ctx, t, fmt.Errorf("read partition %d: %w", partition, err))
		}
	}
	return values
}

func readPartition(ctx context.Context, addr, topic string, partition int) (values []string, err error) {
	conn, err := kafka.DialLeader(ctx, "tcp", addr, topic, partition)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return nil, err
	}
	next, end, err := conn.ReadOffsets()
	for ; err == nil && next < end; next++ {
		var m kafka.Message
		if m, err = conn.ReadMessage(1 << 20); err == nil {
			values = append(values, string(m.Value))
		}
	}
	return values, err
}

// pause waits a little before the next try. If there is no time left, it fails the test
// with the reason.
func pause(ctx context.Context, t *testing.T, reason error) {
	t.Helper()
	if sleep.For(ctx, 200*time.Millisecond) != nil {
		t.Fatal(reason)
	}
}

func TestStartNamesWhatIsMissing(t *testing.T) {
	tests := []struct {
		name string
		path map[string]string // programs on the path, and what each prints
		want []string
	}{
		{"no Java", nil, []string{"java", "Java 17", "apt install", "brew install"}},
		{"a Java that only says that there is none", map[string]string{"java": "exit 1"}, []string{"Java 17", "apt install"}},
		{"an old Java", map[string]string{"java": `echo 'openjdk version "11.0.2" 2019-01-15'`}, []string{"version 11", "Java 17"}},
		{"no Maven", map[string]string{"java": `echo 'openjdk version "21.0.1"'`}, []string{"mvn", "apt install maven", "brew install maven"}},
		{
			"a Maven that fails",
			map[string]string{"java": `echo 'openjdk version "21.0.1"'`, "mvn": "echo no such artifact; exit 1"},
			[]string{"fetch Apache Kafka " + kafkatest.Version, "no such artifact"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bin := t.TempDir()
			for name, script := range test.path {
				if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("PATH", bin)
			t.Setenv("JAVA_HOME", "")
			t.Setenv("EMOSTREAM_TEST_KAFKA_LIBS", filepath.Join(t.TempDir(), "libs"))
			_, err := kafkatest.Start(t.Context(), kafkatest.Options{})
			if err == nil {
				t.Fatal("it started")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q:\n%v", want, err)
				}
			}
		})
	}
}

func TestFetchedVersionIsTheOneNamed(t *testing.T) {
	pom, err := os.ReadFile("pom.xml")
	if err != nil {
		t.Fatal(err)
	}
	if want := "<version>" + kafkatest.Version + "</version>"; !strings.Contains(string(pom), want) {
		t.Errorf("pom.xml does not name %s", want)
	}
}
