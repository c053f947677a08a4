package main

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/emostream/emostream/internal/passedover"
)

// Every stage of up reads the heartbeats, and one that is bad is told of once.
func TestStagesTellOfABadHeartbeatOnce(t *testing.T) {
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	flags := &stageFlags{}
	flags.brokers, flags.groupPrefix = []string{"127.0.0.1:1"}, "emostream" // nothing is read
	client, err := flags.open("up", log)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	over := passedover.NewLog(log)
	for _, name := range []string{"sub1", "sub2"} {
		s := stage{flags, client, log, prometheus.NewRegistry(), over}
		srv, err := newSubscriber(s, subscribeFlags{name: name, cluster: "cluster_1", capacity: 1, accepts: 1, repeats: 1, stall: time.Second, publicURL: "http://127.0.0.1:5001"}, admission{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		srv.servers.over.Record(srv.servers.topic, 0, 7, errors.New("no heartbeat"))
	}
	if n := strings.Count(said.String(), "were passed over"); n != 1 {
		t.Errorf("told of %d times, want 1:\n%s", n, said.String())
	}
}
