package registry_test

import (
	"testing"
	"time"

	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/server/registry"
)

// An assigned client counts as pending until it has come, or until the second
// heartbeat after its assignment.
func TestPending(t *testing.T) {
	type step struct {
		assign, opened int
		beats          uint64 // heartbeats; the last of them says that so many more streams were opened
		want           int    // pending then
	}
	for name, steps := range map[string][]step{
		"all have come":                    {{assign: 5, want: 5}, {beats: 1, opened: 5, want: 0}},
		"none has come, and none will":     {{assign: 5, want: 5}, {beats: 1, want: 5}, {beats: 1, want: 0}},
		"some have come":                   {{assign: 5, want: 5}, {beats: 1, opened: 3, want: 2}, {beats: 1, want: 0}},
		"those assigned first come first":  {{assign: 5, want: 5}, {beats: 1, opened: 3, want: 2}, {assign: 4, want: 6}, {beats: 1, opened: 3, want: 3}},
		"all come a heartbeat later":       {{assign: 5, want: 5}, {beats: 1, want: 5}, {assign: 4, want: 9}, {beats: 1, opened: 5, want: 4}, {beats: 1, opened: 4, want: 0}},
		"more come than were assigned":     {{assign: 2, want: 2}, {beats: 1, opened: 9, want: 0}, {assign: 1, want: 1}},
		"heartbeats that nobody looked at": {{assign: 5, want: 5}, {beats: 2, want: 0}},
	} {
		t.Run(name, func(t *testing.T) {
			a, s := registry.NewAssigner(registry.LeastLoaded), server("sub1", 3, 100)
			for i, step := range steps {
				s.Beats += step.beats
				s.Opened += int64(step.opened)
				spread(t, a, []roster.Entry{s}, step.assign)
				if n := a.Pending(s); n != step.want {
					t.Errorf("after step %d %+v: %d are pending", i+1, step, n)
				}
			}
		})
	}
}

// A server that was restarted has none of the clients that were sent to its former
// instance. A call with an older heartbeat does not undo what a newer one changed.
func TestPendingBelongsToAHeartbeat(t *testing.T) {
	a, s := registry.NewAssigner(registry.LeastLoaded), server("sub1", 0, 100)
	before := s
	s.Beats, s.Opened = 2, 7
	spread(t, a, []roster.Entry{s}, 5)
	if n := a.Pending(before); n != 5 {
		t.Errorf("looked at an old heartbeat: %d are pending, want 5", n)
	}
	spread(t, a, []roster.Entry{before}, 1)
	if n := a.Pending(s); n != 6 {
		t.Errorf("%d are pending, want 6", n)
	}
	s.Instance, s.Beats, s.Opened = "j", 1, 0
	if n := a.Pending(s); n != 0 {
		t.Errorf("started again: %d are pending, want 0", n)
	}
}

// among teaches an assigner that it is one of a number of copies. For each client that
// it sends, the servers report that many streams. Then they are emptied.
func among(t *testing.T, a *registry.Assigner, copies int, servers []roster.Entry) {
	t.Helper()
	for range 100 {
		got := spread(t, a, servers, 50)
		for i := range servers {
			servers[i].Beats++
			servers[i].Opened += int64(copies * got[servers[i].Name])
		}
	}
}

// The assigner supposes that other copies of serve do what it does. If n clients come
// for each one that it assigns, it leaves the others' part of an empty server to them.
// If the number of copies changes, n changes too.
func TestOtherCopiesAreReckonedWith(t *testing.T) {
	for name, tt := range map[string]struct {
		copies []int // one after the other
		want   int   // how many of 100 clients are sent to a server that has 100 fewer
	}{
		"nobody knows":         {nil, 100},
		"one":                  {[]int{1}, 100},
		"two":                  {[]int{2}, 75},
		"four":                 {[]int{4}, 63},
		"three of four ended":  {[]int{4, 1}, 100},
		"three more have come": {[]int{1, 4}, 63},
		"nobody came at first": {[]int{0, 2}, 75},
	} {
		t.Run(name, func(t *testing.T) {
			a := registry.NewAssigner(registry.LeastLoaded)
			servers := []roster.Entry{server("sub1", 0, 10_000), server("sub2", 0, 10_000)}
			for _, n := range tt.copies {
				among(t, a, n, servers)
			}
			servers[0].Beats++
			servers[1].Beats++
			servers[1].Clients = 100
			if n := spread(t, a, servers, 100)["sub1"]; n < tt.want-2 || n > tt.want+2 {
				t.Errorf("%d of 100 were sent to the emptier server, want %d", n, tt.want)
			}
		})
	}
}

// When clients come to a server, only this copy's share of them is taken for clients
// that it has assigned.
func TestPendingWhereThereAreCopies(t *testing.T) {
	a, s := registry.NewAssigner(registry.LeastLoaded), []roster.Entry{server("sub1", 0, 10_000)}
	among(t, a, 2, s)
	spread(t, a, s, 10)
	s[0].Beats++
	s[0].Opened += 10
	if n := a.Pending(s[0]); n < 4 || n > 6 {
		t.Errorf("of 10 assigned by one of two copies %d are pending after 10 came, want 5", n)
	}
}

// A client is not refused because of places that other copies may have assigned. Taken
// places are only those in the server's heartbeat, and those assigned here.
func TestOtherCopiesTakeNoPlaces(t *testing.T) {
	a := registry.NewAssigner(registry.LeastLoaded)
	servers := []roster.Entry{server("sub1", 0, 100)}
	among(t, a, 4, servers)
	servers[0].Clients = 90
	spread(t, a, servers, 10)
	if _, verdict := a.Assign(servers, "", time.Now()); verdict != registry.Full {
		t.Errorf("verdict %d, want full", verdict)
	}
}
