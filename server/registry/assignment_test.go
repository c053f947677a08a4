package registry_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/registry"
)

// server returns a server whose first heartbeat has just been heard.
func server(name string, clients, capacity int) roster.Entry {
	return roster.Entry{
		ServerStatus: wire.ServerStatus{Name: name, Instance: "i", URL: "http://" + name, Clients: clients, Capacity: capacity, State: wire.StateServing},
		Heard:        time.Now(),
		Beats:        1,
	}
}

// spread assigns n clients, and counts how many each server was given.
func spread(t *testing.T, a *registry.Assigner, servers []roster.Entry, n int) map[string]int {
	t.Helper()
	got := map[string]int{}
	for range n {
		s, verdict := a.Assign(servers, "", time.Now())
		if verdict != registry.Assigned {
			t.Fatalf("%+v: verdict %d", got, verdict)
		}
		got[s.Name]++
	}
	return got
}

func TestLeastLoaded(t *testing.T) {
	for name, tt := range map[string]struct {
		servers []roster.Entry
		n       int
		want    map[string]int
	}{
		"one":                            {[]roster.Entry{server("sub1", 0, 5)}, 5, map[string]int{"sub1": 5}},
		"alike, no herd":                 {[]roster.Entry{server("sub1", 0, 100), server("sub2", 0, 100), server("sub3", 0, 100)}, 30, map[string]int{"sub1": 10, "sub2": 10, "sub3": 10}},
		"the emptier first":              {[]roster.Entry{server("sub1", 10, 100), server("sub2", 0, 100)}, 10, map[string]int{"sub2": 10}},
		"until they are alike":           {[]roster.Entry{server("sub1", 10, 100), server("sub2", 0, 100)}, 20, map[string]int{"sub1": 5, "sub2": 15}},
		"relative to capacity":           {[]roster.Entry{server("sub1", 0, 100), server("sub2", 0, 300)}, 40, map[string]int{"sub1": 10, "sub2": 30}},
		"full in number, not in share":   {[]roster.Entry{server("sub1", 9, 10), server("sub2", 50, 100)}, 10, map[string]int{"sub2": 10}},
		"the full one is left out":       {[]roster.Entry{server("sub1", 3, 3), server("sub2", 8, 10)}, 2, map[string]int{"sub2": 2}},
		"over its capacity is full, too": {[]roster.Entry{server("sub1", 7, 3), server("sub2", 9, 10)}, 1, map[string]int{"sub2": 1}},
		"up to the last place":           {[]roster.Entry{server("sub1", 0, 2), server("sub2", 0, 3)}, 5, map[string]int{"sub1": 2, "sub2": 3}},
	} {
		t.Run(name, func(t *testing.T) {
			for range 20 { // ties are broken at random
				if diff := cmp.Diff(tt.want, spread(t, registry.NewAssigner(""), tt.servers, tt.n)); diff != "" {
					t.Fatalf("assigned (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// If servers have an equal share, one of them is drawn at random. Otherwise every copy
// of serve would begin with the same server.
func TestTiesAreBrokenAtRandom(t *testing.T) {
	first := map[string]bool{}
	for range 200 {
		s, _ := registry.NewAssigner(registry.LeastLoaded).Assign([]roster.Entry{server("sub1", 0, 10), server("sub2", 0, 10), server("sub3", 0, 10)}, "", time.Now())
		first[s.Name] = true
	}
	if len(first) != 3 {
		t.Errorf("of three equal servers only %v came first", first)
	}
}

func TestWhoCanBeAssigned(t *testing.T) {
	with := func(s roster.Entry, state string, age time.Duration) roster.Entry {
		s.State, s.Heard = state, s.Heard.Add(-age)
		return s
	}
	free, full := server("sub1", 0, 1), server("sub2", 1, 1)
	draining, gone := with(server("sub3", 0, 9), wire.StateDraining, 0), with(server("sub4", 0, 9), wire.StateGone, 0)
	silent := with(server("sub5", 0, 9), wire.StateServing, roster.Timeout)
	for name, tt := range map[string]struct {
		servers []roster.Entry
		want    string // "": nobody
		verdict registry.Verdict
	}{
		"none":                          {nil, "", registry.NoServers},
		"a free one":                    {[]roster.Entry{free}, "sub1", registry.Assigned},
		"a full one":                    {[]roster.Entry{full}, "", registry.Full},
		"a draining one":                {[]roster.Entry{draining}, "", registry.NoServers},
		"one that is gone":              {[]roster.Entry{gone}, "", registry.NoServers},
		"a silent one":                  {[]roster.Entry{silent}, "", registry.NoServers},
		"one that is nearly silent":     {[]roster.Entry{with(free, wire.StateServing, roster.Timeout-time.Second)}, "sub1", registry.Assigned},
		"none that is left":             {[]roster.Entry{draining, gone, silent}, "", registry.NoServers},
		"a full one is all that lives":  {[]roster.Entry{draining, full, silent}, "", registry.Full},
		"the one among many that could": {[]roster.Entry{draining, gone, full, free, silent}, "sub1", registry.Assigned},
	} {
		t.Run(name, func(t *testing.T) {
			for _, strategy := range []registry.Strategy{registry.LeastLoaded, registry.TwoChoices} {
				s, verdict := registry.NewAssigner(strategy).Assign(tt.servers, "", time.Now())
				if s.Name != tt.want || verdict != tt.verdict {
					t.Errorf("%s: assigned %q, verdict %d, want %q, %d", strategy, s.Name, verdict, tt.want, tt.verdict)
				}
			}
		})
	}
}

// A server that may be dead is chosen only if no other one has room.
func TestWhoIsDoubtful(t *testing.T) {
	late := func(s roster.Entry) roster.Entry {
		s.Heard = s.Heard.Add(-roster.LateAfter)
		return s
	}
	empty, used, full := server("sub1", 0, 9), server("sub2", 8, 9), server("sub3", 9, 9)
	for name, tt := range map[string]struct {
		servers []roster.Entry
		avoid   string
		want    string
	}{
		"an empty one that the client avoids":     {[]roster.Entry{empty, used}, "sub1", "sub2"},
		"an empty one that missed heartbeats":     {[]roster.Entry{late(empty), used}, "", "sub2"},
		"the only one, avoided":                   {[]roster.Entry{empty}, "sub1", "sub1"},
		"the only one, late":                      {[]roster.Entry{late(empty)}, "", "sub1"},
		"the only one, both":                      {[]roster.Entry{late(empty)}, "sub1", "sub1"},
		"avoided, and the others are full":        {[]roster.Entry{empty, full}, "sub1", "sub1"},
		"late, and the others are full":           {[]roster.Entry{late(empty), full}, "", "sub1"},
		"all are late, so that it says nothing":   {[]roster.Entry{late(empty), late(used)}, "", "sub1"},
		"one that nobody knows is avoided":        {[]roster.Entry{empty, used}, "sub99", "sub1"},
		"of those that may be dead, the emptiest": {[]roster.Entry{late(used), empty, full}, "sub1", "sub1"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, strategy := range []registry.Strategy{registry.LeastLoaded, registry.TwoChoices} {
				if s, verdict := registry.NewAssigner(strategy).Assign(tt.servers, tt.avoid, time.Now()); s.Name != tt.want || verdict != registry.Assigned {
					t.Errorf("%s: assigned %q, verdict %d, want %q", strategy, s.Name, verdict, tt.want)
				}
			}
		})
	}
}

// A cancelled assignment frees its place. It never frees a place that the server's own
// heartbeat counts.
func TestCancel(t *testing.T) {
	a := registry.NewAssigner(registry.LeastLoaded)
	s := server("sub1", 1, 3)
	count := func() int { // how many places are left
		n := 0
		for ; ; n++ {
			if _, verdict := a.Assign([]roster.Entry{s}, "", time.Now()); verdict != registry.Assigned {
				break
			}
		}
		for range n {
			a.Cancel(s)
		}
		return n
	}
	if n := count(); n != 2 {
		t.Errorf("%d places, want 2", n)
	}
	a.Cancel(s)
	a.Cancel(s)
	if n := count(); n != 2 {
		t.Errorf("%d places after cancelling what was not assigned, want 2", n)
	}
	spread(t, a, []roster.Entry{s}, 2)
	a.Cancel(s)
	if n := count(); n != 1 {
		t.Errorf("%d places after cancelling one of two, want 1", n)
	}
	s.Beats, s.Clients = 2, 3
	a.Cancel(s)
	if n := count(); n != 0 {
		t.Errorf("%d places of a full server after cancelling, want 0", n)
	}
}

// TwoChoices draws two servers and chooses the less loaded one. So of three servers the
// fullest is never chosen, and both others are.
func TestTwoChoices(t *testing.T) {
	servers := []roster.Entry{server("sub1", 80, 1000), server("sub2", 0, 1000), server("sub3", 40, 1000)}
	got := map[string]int{}
	for range 600 {
		s, _ := registry.NewAssigner(registry.TwoChoices).Assign(servers, "", time.Now())
		got[s.Name]++
	}
	// sub2 is the less loaded of two of the three pairs, sub3 of one.
	if got["sub1"] != 0 || got["sub2"] < 300 || got["sub3"] < 100 {
		t.Errorf("assigned %v, want none, about 400 and about 200", got)
	}
	if diff := cmp.Diff(map[string]int{"sub1": 5, "sub2": 5}, spread(t, registry.NewAssigner(registry.TwoChoices), []roster.Entry{server("sub1", 0, 9), server("sub2", 0, 9)}, 10)); diff != "" {
		t.Errorf("of two alike (-want +got):\n%s", diff)
	}
}

func TestParseStrategy(t *testing.T) {
	for _, s := range []registry.Strategy{registry.LeastLoaded, registry.TwoChoices} {
		if got, err := registry.ParseStrategy(string(s)); got != s || err != nil {
			t.Errorf("ParseStrategy(%q) = %q, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "round-robin", "Least-Loaded"} {
		if got, err := registry.ParseStrategy(s); err == nil {
			t.Errorf("ParseStrategy(%q) = %q", s, got)
		}
	}
}

// If many clients register at the same time, no place is given twice.
func TestConcurrentAssignment(t *testing.T) {
	const places = 300
	a := registry.NewAssigner(registry.LeastLoaded)
	servers := []roster.Entry{server("sub1", 0, places/3), server("sub2", 0, places/3), server("sub3", 0, places/3)}
	var mu sync.Mutex
	got := map[string]int{}
	var working sync.WaitGroup
	for range 8 {
		working.Go(func() {
			for {
				s, verdict := a.Assign(servers, "", time.Now())
				if verdict != registry.Assigned {
					return
				}
				mu.Lock()
				got[s.Name]++
				mu.Unlock()
			}
		})
	}
	working.Wait()
	if diff := cmp.Diff(map[string]int{"sub1": 100, "sub2": 100, "sub3": 100}, got); diff != "" {
		t.Errorf("assigned (-want +got):\n%s", diff)
	}
}
