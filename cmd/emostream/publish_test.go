package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/emostream/emostream/internal/broker/brokertest"
	"github.com/emostream/emostream/internal/passedover"
	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/ticket"
	"github.com/emostream/emostream/internal/wire"
)

// Who may write to the topic of heartbeats can make up as many servers as a publisher takes,
// and say of a server that it belongs to another cluster. With the ticket keys a publisher
// copies to the servers that sign their heartbeats nevertheless.
func TestPublishWithForgedHeartbeats(t *testing.T) {
	for name, real := range map[string]string{"its name is new": "sub9999", "its name is forged": "sub1"} {
		t.Run(name, func(t *testing.T) {
			client, address := brokertest.Open(t)
			flags := &stageFlags{}
			flags.brokers, flags.groupPrefix = []string{address}, "emostream-"
			log := slog.New(slog.NewTextHandler(t.Output(), nil))
			s := stage{flags, client, log, prometheus.NewRegistry(), passedover.NewLog(log)}
			layout, names, ctx := s.layout(), s.names(), t.Context()
			if err := ensureTopics(ctx, client, log, layout.ServersTopic(), layout.ClusterTopic("cluster_1"), layout.ServerTopic(real)); err != nil {
				t.Fatal(err)
			}
			keys := ticket.Generate()
			beat := func(name, cluster string, signed bool) stream.Record {
				is := wire.ServerStatus{
					Name: name, Instance: "in-" + cluster, Cluster: cluster, URL: "http://127.0.0.1:5001", Topic: names.Server(name), Capacity: 10,
					State: wire.StateServing, Time: time.Now().UTC().Format(wire.TimeFormat),
				}
				r := stream.Record{Time: time.Now().UnixMilli(), Key: []byte(name), Value: is.Encode()}
				if signed {
					r.Headers = []stream.Header{{Key: wire.SignatureHeader, Value: keys.Sign(r.Value)}}
				}
				return r
			}
			beats := []stream.Record{beat(real, "cluster_1", true)}
			for i := range roster.MaxServers {
				beats = append(beats, beat(fmt.Sprint("sub", i+1), "elsewhere", false))
			}
			if real != "sub1" {
				beats = append(beats[1:], beats[0])
			}
			write := func(topic string, records ...stream.Record) {
				t.Helper()
				if err := client.Writer(topic).Write(ctx, 0, records); err != nil {
					t.Fatal(err)
				}
			}
			write(names.Servers(), beats...)
			end := time.Now().UnixMilli()
			swarm := wire.NewSwarm(wire.MainChannel, wire.Window{Start: end - 2000, End: end}, []wire.EmojiCount{{Emoji: "🔥", Count: 3, Scaled: 1}}, wire.DefaultTop)
			value, err := json.Marshal(swarm)
			if err != nil {
				t.Fatal(err)
			}
			write(names.Cluster("cluster_1"), stream.Record{Time: end, Key: []byte(swarm.Channel), Value: value})

			running, stop := context.WithCancel(ctx)
			ended := make(chan error, 1)
			go func() {
				ended <- runPublish(running, s, publishFlags{roles: []string{"cluster"}, clusters: []string{"cluster_1"}, top: 1}, keys)
			}()
			reading, enough := context.WithTimeout(ctx, 5*time.Second) // the servers count as gone then
			defer enough()
			b, err := client.Reader(names.Server(real), 0).Fetch(reading, 0, time.Minute)
			if err != nil || len(b.Records) != 1 || !bytes.Contains(b.Records[0].Value, []byte("🔥")) {
				t.Errorf("%s was sent %d swarms, %v", real, len(b.Records), err)
			}
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}
