package roster_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/wire"
)

// beat is a heartbeat of an instance of a server.
func beat(name, instance, state string) wire.ServerStatus {
	return wire.ServerStatus{
		Name: name, Instance: instance, URL: "http://" + instance, Topic: wire.Topics{}.Server(name), Cluster: "cluster_1", Capacity: 10, State: state,
	}
}

func TestAlive(t *testing.T) {
	now := time.Now()
	for name, tt := range map[string]struct {
		state       string
		ago         time.Duration
		alive, late bool
	}{
		"just heard":            {wire.StateServing, 0, true, false},
		"the second is due":     {wire.StateServing, 2*roster.HeartbeatInterval + 400*time.Millisecond, true, false},
		"missed two":            {wire.StateServing, 3 * roster.HeartbeatInterval, true, true},
		"nearly silent":         {wire.StateServing, roster.Timeout - 1, true, true},
		"silent":                {wire.StateServing, roster.Timeout, false, true},
		"draining":              {wire.StateDraining, time.Second, true, false},
		"gone":                  {wire.StateGone, 0, false, false},
		"heard when clocks met": {wire.StateServing, -time.Second, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := roster.Entry{ServerStatus: beat("sub1", "a", tt.state), Heard: now.Add(-tt.ago)}
			if alive, late := e.Alive(now), e.Late(now); alive != tt.alive || late != tt.late {
				t.Errorf("alive %v, late %v, want %v, %v", alive, late, tt.alive, tt.late)
			}
		})
	}
}

func TestNobodyWasHeardOf(t *testing.T) {
	var r roster.Roster
	if e, ok := r.Get("sub1"); ok {
		t.Errorf("Get = %+v", e)
	}
	if e, ok := r.Rival("sub1", "", time.Now()); ok {
		t.Errorf("Rival = %+v", e)
	}
	if all := r.All(); len(all) != 0 {
		t.Errorf("All = %+v", all)
	}
}

// An entry is what the latest heartbeat says, and counts the heartbeats of one instance.
// The last two instances of a name are told apart while they take turns.
func TestLatestHeartbeatCounts(t *testing.T) {
	var r roster.Roster
	at := time.Now()
	for i, tt := range []struct {
		instance string
		clients  int
		beats    uint64
	}{{"a", 1, 1}, {"a", 5, 2}, {"a", 0, 3}, {"b", 2, 1}, {"b", 2, 2}, {"a", 9, 4}, {"c", 9, 1}, {"a", 9, 5}, {"b", 9, 1}} {
		s := beat("sub1", tt.instance, wire.StateServing)
		s.Clients = tt.clients
		heard := at.Add(time.Duration(i) * time.Second)
		r.Apply(s, heard)
		want := roster.Entry{ServerStatus: s, Heard: heard, Beats: tt.beats}
		if got, ok := r.Get("sub1"); !ok || got != want {
			t.Errorf("heartbeat %d: %+v, want %+v", i, got, want)
		}
	}
	if _, ok := r.Get("sub2"); ok {
		t.Error("a server that was never heard of is there")
	}
}

func TestAllIsInOrder(t *testing.T) {
	var r roster.Roster
	for _, name := range []string{"sub10", "sub2", "sub1", "sub100", "sub9", "sub2"} {
		r.Apply(beat(name, "a", wire.StateServing), time.Now())
	}
	r.Apply(beat("sub3", "a", wire.StateGone), time.Now())
	var names []string
	for _, e := range r.All() {
		names = append(names, e.Name)
	}
	if diff := cmp.Diff([]string{"sub1", "sub2", "sub3", "sub9", "sub10", "sub100"}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

// Rival returns another instance of the same name that was heard of lately, whichever of the
// two was heard of last.
func TestRival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r roster.Roster
		rival := func(instance, want string) {
			t.Helper()
			e, ok := r.Rival("sub1", instance, time.Now())
			if e.Instance != want || ok != (want != "") {
				t.Errorf("the rival of %s is %q, %v, want %q", instance, e.Instance, ok, want)
			}
		}
		hear := func(instance, state string) { r.Apply(beat("sub1", instance, state), time.Now()) }
		r.Apply(beat("sub2", "x", wire.StateServing), time.Now())
		rival("b", "") // of another name
		hear("a", wire.StateServing)
		rival("a", "")
		rival("b", "a")
		<-time.After(time.Second)
		hear("b", wire.StateServing)
		rival("a", "b")
		rival("b", "a")
		hear("b", wire.StateServing)
		rival("b", "a")
		<-time.After(4 * time.Second) // a is silent now
		rival("b", "")
		rival("a", "b")
		hear("a", wire.StateServing)
		rival("b", "a")
		hear("a", wire.StateGone)
		rival("b", "")
	})
}

// All methods may be called while heartbeats come in.
func TestConcurrentUse(t *testing.T) {
	var r roster.Roster
	var working sync.WaitGroup
	for i := range 8 {
		working.Go(func() {
			for n := range 500 {
				name := fmt.Sprintf("sub%d", n%10+1)
				r.Apply(beat(name, fmt.Sprint(i%2), wire.StateServing), time.Now())
				if e, ok := r.Get(name); !ok || e.Beats == 0 || e.Name != name {
					t.Errorf("%s is %+v", name, e)
				}
				if e, ok := r.Rival(name, "0", time.Now()); ok && (e.Instance == "0" || e.Name != name) {
					t.Errorf("the rival of %s is %+v", name, e)
				}
				if all := r.All(); len(all) < 1 || len(all) > 10 {
					t.Errorf("%d servers", len(all))
				}
			}
		})
	}
	working.Wait()
	if n := len(r.All()); n != 10 {
		t.Errorf("%d servers, want 10", n)
	}
}

// A roster holds a thousand servers. A further one is taken in the place of the one that
// has been silent for longest, and not at all while all are alive.
func TestServersAreBounded(t *testing.T) {
	var r roster.Roster
	at := time.Now()
	name := func(i int) string { return fmt.Sprintf("sub%d", i) }
	for i := 1; i <= roster.MaxServers; i++ {
		heard := at.Add(-time.Duration(i) * time.Microsecond)
		if !r.Apply(beat(name(i), "a", wire.StateServing), heard) {
			t.Fatalf("server %d is refused", i)
		}
	}
	refused := func(now time.Time) bool {
		t.Helper()
		taken := r.Apply(beat(name(9999), "a", wire.StateServing), now)
		if n := len(r.All()); n != roster.MaxServers {
			t.Errorf("%d servers are held", n)
		}
		return !taken
	}
	if !refused(at) {
		t.Error("one more was taken while all were alive")
	}
	if !r.Apply(beat(name(5), "b", wire.StateServing), at) {
		t.Error("a known name was refused")
	}
	silent := at.Add(roster.Timeout - roster.MaxServers*time.Microsecond)
	if !refused(silent.Add(-1)) {
		t.Error("one more was taken while the last one was just alive")
	}
	if refused(silent) {
		t.Error("one more was not taken though one is silent")
	}
	if _, ok := r.Get(name(roster.MaxServers)); ok {
		t.Error("the one that was silent for longest is still there")
	}
	if _, ok := r.Get(name(1)); !ok {
		t.Error("one that is alive has made way")
	}
}
