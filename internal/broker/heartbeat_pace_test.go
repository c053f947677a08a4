package broker_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/broker"
)

// produce returns a request that writes a batch to a topic, which says that it has that
// many records.
func produce(topic string, records int32) []byte {
	req := kmsg.NewPtrProduceRequest()
	req.SetVersion(9)
	t := kmsg.NewProduceRequestTopic()
	t.Topic = topic
	p := kmsg.NewProduceRequestTopicPartition()
	p.Records = binary.BigEndian.AppendUint32(make([]byte, 57), uint32(records))
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	return request(0, 9, req.AppendTo(nil))
}

// One connection writes no more than a thousand heartbeats a second. What it writes to
// other topics, and what other connections write, waits for nothing.
func TestHeartbeatsOfOneConnection(t *testing.T) {
	for name, tt := range map[string]struct {
		topic    string
		requests int
		records  int32
		want     time.Duration
	}{
		"a heartbeat a second for each of a thousand": {"emostream-servers", 10, 100, 0},
		"five times as many":                          {"emostream-servers", 50, 100, 4 * time.Second},
		"under a prefix":                              {"test-emostream-servers", 50, 100, 4 * time.Second},
		"more than there can be in one batch":         {"emostream-servers", 3, 1 << 30, 2 * time.Second},
		"a number below zero":                         {"emostream-servers", 1500, -1, 500 * time.Millisecond},
		"reactions":                                   {"emoji-topic", 50, 5000, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				defer near.Close()
				guarded := broker.Guard()(far)
				defer guarded.Close()
				sent := produce(tt.topic, tt.records)
				go func() {
					for range tt.requests {
						_, _ = near.Write(sent)
					}
				}()
				begun := time.Now()
				if _, err := io.CopyN(io.Discard, guarded, int64(tt.requests*len(sent))); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(begun).Round(time.Millisecond); took != tt.want {
					t.Errorf("it took %v, want %v", took, tt.want)
				}
			})
		})
	}
}

// A connection that waits can be closed.
func TestCloseWhileHeartbeatsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		guarded := broker.Guard()(far)
		sent := produce("emostream-servers", 1000)
		go func() {
			_, _ = near.Write(sent)
			_, _ = near.Write(sent)
		}()
		ended := make(chan error)
		go func() {
			_, err := io.Copy(io.Discard, guarded)
			ended <- err
		}()
		synctest.Wait()
		begun := time.Now()
		if err := guarded.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, net.ErrClosed) || time.Since(begun) != 0 {
			t.Errorf("it ended after %v: %v", time.Since(begun), err)
		}
	})
}

// Connections that speak something else are closed at once, if there are few of them, else
// half a second later, so that whoever comes again at once is slowed down.
func TestConnectionsOfStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guard := broker.Guard()
		speak := func() time.Duration {
			near, far := net.Pipe()
			defer near.Close()
			go func() { _, _ = io.WriteString(near, "GET / HTTP/1.1\r\n") }()
			begun := time.Now()
			if _, err := guard(far).Read(make([]byte, 1)); err == nil {
				t.Error("the broker reads HTTP")
			}
			return time.Since(begun)
		}
		for range 20 {
			if took := speak(); took != 0 {
				t.Errorf("it is closed after %v", took)
			}
		}
		if took := speak(); took != 500*time.Millisecond {
			t.Errorf("one more is closed after %v", took)
		}
	})
}
