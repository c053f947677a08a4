package fanout_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/fanout"
)

// A heartbeat is sent every second. It says how many streams are open, and how many
// were opened since the start.
func TestHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{Capacity: 7, Cluster: "cluster_2"})
		synctest.Wait() // the first one
		a, b := in.listen(t, "/v1/swarm", ""), in.listen(t, "/sub1", "")
		pass(1500 * time.Millisecond)
		a.leave()
		pass(time.Second)
		b.leave()
		pass(time.Second)
		beats := in.servers.heard()
		var clients []int
		var opened []int64
		for i, beat := range beats {
			clients, opened = append(clients, beat.Clients), append(opened, beat.Opened)
			if at := beats[0].at.Add(time.Duration(i) * time.Second); !beat.at.Equal(at) || beat.Time != at.UTC().Format(wire.TimeFormat) {
				t.Errorf("heartbeat %d at %v says %s, want %v", i, beat.at, beat.Time, at)
			}
		}
		if diff := cmp.Diff([]int{0, 2, 1, 0}, clients); diff != "" {
			t.Errorf("clients (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]int64{0, 2, 2, 2}, opened); diff != "" {
			t.Errorf("opened (-want +got):\n%s", diff)
		}
		got := beats[1].ServerStatus
		if got.Instance == "" || got.Instance != beats[0].Instance {
			t.Errorf("instances %q and %q", beats[0].Instance, got.Instance)
		}
		got.Instance = ""
		if diff := cmp.Diff(wire.ServerStatus{
			Name: "sub1", URL: "http://emo", Topic: "sub_1", Cluster: "cluster_2", Clients: 2, Capacity: 7, Opened: 2, State: wire.StateServing,
			StartedAt: "2000-01-01T00:00:00.000Z", Time: "2000-01-01T00:00:01.000Z", Version: "v1",
		}, got); diff != "" {
			t.Errorf("heartbeat (-want +got):\n%s", diff)
		}
	})
}

// A heartbeat that cannot be written in time is dropped. The server goes on, and stops
// when it is asked to.
func TestHeartbeatsThatHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{})
		pass(500 * time.Millisecond)
		hang := func(hung bool) {
			in.servers.mu.Lock()
			defer in.servers.mu.Unlock()
			in.servers.hung = hung
		}
		hang(true)
		pass(10 * time.Second)
		hang(false)
		before := len(in.servers.heard())
		pass(3 * time.Second)
		if n := len(in.servers.heard()) - before; n < 2 {
			t.Errorf("%d heartbeats in three seconds after the outage", n)
		}
		hang(true)
		start := time.Now()
		in.stop()
		if err := <-in.ran; err != nil || time.Since(start) > 3*time.Second {
			t.Errorf("Run = %v after %v", err, time.Since(start))
		}
	})
}
