package publisher_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/publisher"
)

// cluster is a publisher in the cluster role, and the servers that it knows.
type cluster struct {
	*publisher.Publisher
	topics
	servers roster.Roster
}

// newCluster returns a publisher that has just heard heartbeats of these servers of
// cluster_1.
func newCluster(t *testing.T, servers ...string) *cluster {
	t.Helper()
	c := &cluster{}
	c.Publisher = publisher.New(publisher.Config{Topic: c.writer, Servers: &c.servers})
	for _, s := range servers {
		c.hear(s, "cluster_1", wire.StateServing)
	}
	return c
}

func (c *cluster) hear(server, cluster, state string) {
	c.servers.Apply(wire.ServerStatus{Name: server, Cluster: cluster, Topic: wire.Topics{}.Server(server), State: state}, time.Now())
}

// copies runs the cluster role until the returned function stops it.
func (c *cluster) copies(t *testing.T) (stop func()) {
	t.Helper()
	return run(t, func(ctx context.Context) error { return c.Cluster(ctx, "cluster_1", c.get("cluster_1").claim()) })
}

func swarm(end int64, channel string, total int64) stream.Record {
	value, err := json.Marshal(wire.Swarm{Channel: channel, Window: wire.Window{Start: zero + end - 2000, End: zero + end}, Total: total})
	if err != nil {
		panic(err)
	}
	return stream.Record{Key: []byte(channel), Value: value}
}

func TestClusterCopiesToItsServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, "sub1", "sub2")
		c.hear("sub3", "cluster_2", wire.StateServing)
		stop := c.copies(t)
		put(t, c.get("cluster_1"), swarm(2000, "main", 3), swarm(2000, "a", 1))
		until(100)
		c.hear("sub4", "cluster_1", wire.StateServing)
		c.hear("sub1", "cluster_1", wire.StateGone) // a server that has left may come back
		put(t, c.get("cluster_1"), swarm(4000, "main", 2))
		until(200)
		c.hear("sub2", "cluster_2", wire.StateServing) // the server moves to another cluster
		put(t, c.get("cluster_1"), swarm(6000, "main", 2))
		until(300)
		for topic, want := range map[string][]string{
			"sub_1": {"at 0: 2000 main 3", "at 0: 2000 a 1", "at 100: 4000 main 2", "at 200: 6000 main 2"},
			"sub_2": {"at 0: 2000 main 3", "at 0: 2000 a 1", "at 100: 4000 main 2"},
			"sub_3": nil,
			"sub_4": {"at 100: 4000 main 2", "at 200: 6000 main 2"},
		} {
			if diff := cmp.Diff(want, swarms(t, c.get(topic))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", topic, diff)
			}
		}
		stop()
	})
}

func TestClusterRemembersServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, "sub1")
		stop := c.copies(t)
		for i, at := range []int64{0, 599_999, 600_000, 600_001} {
			until(at)
			put(t, c.get("cluster_1"), swarm(int64(2000*(i+1)), "main", 1))
		}
		until(601_000)
		c.hear("sub1", "cluster_1", wire.StateServing)
		put(t, c.get("cluster_1"), swarm(20_000, "main", 1))
		until(602_000)
		want := []string{"at 0: 2000 main 1", "at 599999: 4000 main 1", "at 600000: 6000 main 1", "at 601000: 20000 main 1"}
		if diff := cmp.Diff(want, swarms(t, c.get("sub_1"))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		stop()
	})
}

func TestClusterPassesOnOnlyWhatSaysMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, "sub1")
		stop := c.copies(t)
		put(t, c.get("cluster_1"),
			swarm(2000, "main", 3), swarm(2000, "main", 3), swarm(2000, "main", 2), swarm(2000, "a", 2),
			stream.Record{Value: []byte("junk")},
			swarm(4000, "main", 0), swarm(4000, "main", 0), swarm(4000, "main", 1), swarm(2000, "main", 4), swarm(4000, "main", 0))
		until(100)
		want := []string{"at 0: 2000 main 3", "at 0: 2000 a 2", "at 0: 4000 main 0", "at 0: 4000 main 1", "at 0: 2000 main 4"}
		if diff := cmp.Diff(want, swarms(t, c.get("sub_1"))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		stop()
	})
}

func TestClusterGoesOnFromItsCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, "sub1")
		for i := range int64(3) {
			stop := c.copies(t)
			put(t, c.get("cluster_1"), swarm(2000*(i+1), "main", 1))
			until(100 * (i + 1))
			stop()
		}
		want := []string{"at 0: 2000 main 1", "at 100: 4000 main 1", "at 200: 6000 main 1"}
		if diff := cmp.Diff(want, swarms(t, c.get("sub_1"))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestClusterFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, "sub1")
		put(t, c.get("cluster_1"), swarm(2000, "main", 1))
		c.get("cluster_1").fault = stream.ErrFenced
		err := c.Cluster(t.Context(), "cluster_1", c.get("cluster_1").claim())
		if !errors.Is(err, stream.ErrFenced) || !strings.Contains(err.Error(), "publish cluster_1") {
			t.Errorf("Cluster = %v, want it to have lost the claim", err)
		}
	})
}

// Two servers' topics cannot be written to: one refuses everything, the other does not
// answer. The other servers still get their swarms in time.
func TestClusterLeavesBehindWhoCannotBeWrittenTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, "sub1", "sub2", "sub3")
		c.get("sub_1").fault = errors.New("no such topic")
		c.get("sub_2").stuck = make(chan struct{})
		stop := c.copies(t)
		var others, behind []string
		for i := range int64(8) {
			until(1000 * i)
			put(t, c.get("cluster_1"), swarm(2000*(i+1), "main", 1))
			others = append(others, fmt.Sprintf("at %d: %d main 1", 1000*i, 2000*(i+1)))
		}
		behind = others
		until(8000)
		if diff := cmp.Diff(others, swarms(t, c.get("sub_3"))); diff != "" {
			t.Errorf("the others (-want +got):\n%s", diff)
		}
		close(c.get("sub_2").stuck)
		until(8001)
		if diff := cmp.Diff(behind, swarms(t, c.get("sub_2"))); diff != "" {
			t.Errorf("the one that answers at last (-want +got):\n%s", diff)
		}
		if got := swarms(t, c.get("sub_1")); len(got) > 0 {
			t.Errorf("the one that refuses has %v", got)
		}
		stop()
	})
}

// Swarms that a server's topic has not taken are not committed: the next holder of the
// claim sends them again, to all servers.
func TestClusterLeavesToTheNextWhatIsNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, "sub1", "sub2")
		stop := c.copies(t)
		put(t, c.get("cluster_1"), swarm(2000, "main", 1))
		until(100)
		stuck := make(chan struct{})
		c.get("sub_1").stuck = stuck
		put(t, c.get("cluster_1"), swarm(4000, "main", 1))
		until(1000)
		put(t, c.get("cluster_1"), swarm(6000, "main", 1))
		until(15_000) // longer than one write may take
		if n := len(c.get("cluster_1").commits); n != 1 {
			t.Errorf("%d commits, want the one of the first swarm", n)
		}
		stop()
		close(stuck)
		stop = c.copies(t)
		until(15_001)
		for topic, want := range map[string][]string{
			"sub_1": {"at 0: 2000 main 1", "at 15000: 4000 main 1", "at 15000: 6000 main 1"},
			"sub_2": {"at 0: 2000 main 1", "at 100: 4000 main 1", "at 1000: 6000 main 1", "at 15000: 4000 main 1", "at 15000: 6000 main 1"},
		} {
			if diff := cmp.Diff(want, swarms(t, c.get(topic))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", topic, diff)
			}
		}
		put(t, c.get("cluster_1"), swarm(8000, "main", 1))
		until(15_002)
		stop()
		commits := c.get("cluster_1").commits
		if last := commits[len(commits)-1]; last.Offset != 4 {
			t.Errorf("the last commit is %+v, want all", last)
		}
	})
}

// A write that takes too long is tried again and not given up.
func TestClusterGoesOnTrying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, "sub1")
		c.get("sub_1").stuck = make(chan struct{})
		stop := c.copies(t)
		put(t, c.get("cluster_1"), swarm(2000, "main", 1))
		until(25_000)
		put(t, c.get("cluster_1"), swarm(4000, "main", 1))
		until(29_000)
		close(c.get("sub_1").stuck)
		until(31_000)
		if diff := cmp.Diff([]string{"at 0: 2000 main 1", "at 25000: 4000 main 1"}, swarms(t, c.get("sub_1"))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		stop()
	})
}

// If too many records wait for a topic, the oldest are given up.
func TestClusterGivesUpWhatIsTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, "sub1")
		c.get("sub_1").stuck = make(chan struct{})
		stop := c.copies(t)
		put(t, c.get("cluster_1"), swarm(2000, "main", 1)) // this write is begun anew after 10 s
		until(5000)
		var many []stream.Record
		for i := range int64(1500) { // 1000 of these wait
			many = append(many, swarm(4000, "main", i+1))
		}
		put(t, c.get("cluster_1"), many...)
		until(10_001)
		close(c.get("sub_1").stuck)
		until(10_002)
		got := swarms(t, c.get("sub_1"))
		if len(got) != 1000 || got[0] != "at 5000: 4000 main 501" || got[999] != "at 5000: 4000 main 1500" {
			t.Errorf("%d swarms, the first ones %.3q, want the last 1000", len(got), got)
		}
		stop()
	})
}

// Cluster ends at once if its context ends or it loses its claim, but only after its
// writes have ended.
func TestClusterStopsWhileAServerHoldsItUp(t *testing.T) {
	for name, tt := range map[string]struct {
		fault error // error of the commit
		after time.Duration
		want  error
	}{
		"because it is told to":           {nil, 100 * time.Millisecond, context.Canceled},
		"because the claim has passed on": {stream.ErrFenced, time.Minute, stream.ErrFenced},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, "sub1")
				stuck := c.get("sub_1")
				stuck.stuck, stuck.linger = make(chan struct{}), 7*time.Millisecond
				// The first record is not copied, so that it can be committed while the
				// second is being written.
				put(t, c.get("cluster_1"), stream.Record{Value: []byte("junk")}, swarm(2000, "main", 1))
				c.get("cluster_1").fault = tt.fault
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				time.AfterFunc(tt.after, cancel)
				err := c.Cluster(ctx, "cluster_1", c.get("cluster_1").claim())
				if at := time.Now().UnixMilli() - zero; !errors.Is(err, tt.want) || at > 600 || stuck.writes != 1 {
					t.Errorf("Cluster = %v at %d, after %d writes; want %v after the one that was under way", err, at, stuck.writes, tt.want)
				}
			})
		})
	}
}
