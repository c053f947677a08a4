package hostile

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// brokerBytes sends what is not Kafka's protocol, or half of it, to the broker's port.
func brokerBytes(ctx context.Context, a *attacker) error {
	random := make([]byte, 4096)
	if _, err := rand.Read(random); err != nil {
		return err
	}
	sends := []struct {
		bytes string
		stay  time.Duration // how long the connection is held afterwards, if the broker does not close it
	}{
		{"\x00\x00\x00\x0a\x75\x30\x00\x00\x00\x00\x00\x01\xff\xff", time.Second}, // an unknown API key
		{"\x00\x00\x00\x0a\x00\x12\x7f\xff\x00\x00\x00\x01\xff\xff", time.Second}, // an unknown version
		{"\xff\xff\xff\xff", time.Second},                                         // 4 GiB
		{"\x01\xff\xff\xff\x00\x00\x00\x03\x00\x00", time.Minute},                 // 32 MiB of which nothing comes
		{"\x00\x00\x00\x40\x00\x03\x00\x0c\x00\x00\x00\x01", time.Minute},         // half a request
		{string(random), time.Second},
		{"GET / HTTP/1.1\r\n\r\n", time.Second},
		{"", time.Minute},
	}
	var all sync.WaitGroup
	for i := range 400 {
		all.Go(func() {
			for n := i; ctx.Err() == nil; n++ {
				send := sends[n%len(sends)]
				a.visit(ctx, a.target.Broker, func(c *connection) {
					a.requests.Add(1)
					c.send(send.bytes)
					_ = c.SetReadDeadline(time.Now().Add(send.stay))
					c.wait()
				})
				_ = sleep.For(ctx, 20*time.Millisecond)
			}
		})
	}
	all.Wait()
	return nil
}

// foreignRecords writes into every topic what no stage of ours writes there.
func foreignRecords(ctx context.Context, a *attacker) error {
	client, err := kafka.Open(kafka.Config{Brokers: []string{a.target.Broker}})
	if err != nil {
		return err
	}
	defer client.Close()
	topics, err := client.Topics(ctx)
	if err != nil {
		return fmt.Errorf("topics: %w", err)
	}
	var all sync.WaitGroup
	for _, topic := range topics {
		all.Go(func() {
			partitions, err := client.Partitions(ctx, topic)
			if err != nil {
				return
			}
			for n := 0; sleep.For(ctx, 50*time.Millisecond) == nil; n++ {
				for partition := range partitions {
					for _, r := range foreign(time.Now()) {
						a.write(ctx, client.Writer(topic), partition, r)
					}
				}
			}
		})
	}
	all.Wait()
	return nil
}

// foreign returns records that are none of ours, or ours with a time that is far away. The
// count is 0: one that is greater cannot be told from ours, and verify would find it.
func foreign(now time.Time) []stream.Record {
	at, far := now.UnixMilli(), now.Add(time.Hour).UnixMilli()
	end := now.Add(time.Hour).Truncate(windowLength)
	count := fmt.Sprintf(`{"window":{"start":%q,"end":%q},"emoji_type":"🔥","emoji_count":0,"emoji_count_aggregated":0}`,
		end.Add(-windowLength).UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339))
	swarm := fmt.Sprintf(`{"channel":"main","window":{"start":%q,"end":%q},"total":7,"emojis":[{"emoji_type":"🔥","emoji_count":7,"emoji_count_aggregated":1}]}`,
		end.Add(-windowLength).UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339))
	values := []string{"hello", "", "{}", "[1,2,3]", `"🔥"`, "\x00\xff\xfe", `{"user_id":1,"emoji_type":2}`, count, swarm, `{"format":1}`, `{"v":1,"kind":"mark"}`}
	out := []stream.Record{{Time: at, Key: []byte("x")}, {Time: at, Key: []byte("sub1")}} // tombstones
	for _, v := range values {
		out = append(out, stream.Record{Time: at, Value: []byte(v)}, stream.Record{Time: at, Key: []byte("main"), Value: []byte(v)})
	}
	return append(out, stream.Record{Time: far, Value: []byte(`{"user_id":"x","emoji_type":"🔥","timestamp":""}`)}, stream.Record{Time: 1000 * far, Value: []byte("hello")})
}

// write writes a record, and counts what came of it.
func (a *attacker) write(ctx context.Context, w stream.Writer, partition int, r ...stream.Record) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	a.requests.Add(int64(len(r)))
	switch err := w.Write(ctx, partition, r); {
	case err == nil:
		a.answered("written")
	case errors.Is(err, context.Canceled):
	default:
		a.answered("refused")
	}
}

// heartbeatFlood announces subscriber servers that nobody could reach, and servers that
// are there with fields that are wrong.
func heartbeatFlood(ctx context.Context, a *attacker) error {
	client, err := kafka.Open(kafka.Config{Brokers: []string{a.target.Broker}})
	if err != nil {
		return err
	}
	defer client.Close()
	w := client.Writer(wire.Topics{}.Servers())
	for n := 0; ctx.Err() == nil; n++ {
		var records []stream.Record
		for i := range 100 {
			now := time.Now()
			s := wire.ServerStatus{
				Name: fmt.Sprint("sub", 9000+n%900), Instance: "x", URL: "http://10.77.255.1:1", Topic: "sub_9000", Cluster: "cluster_1",
				Capacity: 1 << 40, State: wire.StateServing, StartedAt: "x", Time: now.UTC().Format(time.RFC3339Nano), Version: "x",
			}
			switch i % 6 {
			case 0:
				s.URL = "javascript:alert(1)"
			case 1:
				s.Topic = wire.Topics{}.Reactions()
			case 2:
				s.Name = "sub1"
				s.Topic = wire.Topics{}.Partials()
			case 3:
				s.Cluster = "../../x\x1b[31m"
			case 4:
				s.Clients = -1
			case 5:
				s.URL = "http://user:secret@10.77.255.1:1/?x#y"
			}
			records = append(records, stream.Record{Time: now.UnixMilli(), Key: []byte(s.Name), Value: s.Encode()})
		}
		a.write(ctx, w, 0, records...)
	}
	return nil
}
