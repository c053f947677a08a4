package registry_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/registry"
)

// history is a random sequence of heartbeats, assignments, cancellations and silence.
// It also keeps bounds that must hold after each step, for any way to estimate.
type history struct {
	*testing.T
	rng      *rand.Rand
	now      time.Time
	assigner *registry.Assigner
	servers  []roster.Entry
	since    map[string]int // by server: clients assigned since its last heartbeat
	earlier  map[string]int // by server: clients assigned between its last two heartbeats
}

func newHistory(t *testing.T, seed uint64, strategy registry.Strategy) *history {
	t.Helper()
	h := &history{
		T: t, rng: rand.New(rand.NewPCG(seed, 1)), now: time.Now(), assigner: registry.NewAssigner(strategy),
		since: map[string]int{}, earlier: map[string]int{},
	}
	for i := range 1 + h.rng.IntN(6) {
		s := server(fmt.Sprintf("sub%d", i+1), 0, 1+h.rng.IntN(30))
		s.Heard = h.now
		h.servers = append(h.servers, s)
	}
	return h
}

// beat lets one server send a heartbeat. Its counts need not agree with the
// assignments: clients leave, never come, or come from elsewhere.
func (h *history) beat() {
	s := &h.servers[h.rng.IntN(len(h.servers))]
	s.Heard, s.Beats = h.now, s.Beats+1
	s.Clients = h.rng.IntN(s.Capacity + 2)
	s.Opened += int64(h.rng.IntN(10))
	s.State = []string{wire.StateServing, wire.StateServing, wire.StateServing, wire.StateDraining, wire.StateGone}[h.rng.IntN(5)]
	h.earlier[s.Name], h.since[s.Name] = h.since[s.Name], 0
	if h.rng.IntN(10) == 0 { // started again
		s.Instance, s.Beats, s.Opened, s.Clients = s.Instance+"'", 1, 0, 0
		h.earlier[s.Name] = 0
	}
	h.assigner.Pending(*s)
}

func (h *history) cancel() {
	s := h.servers[h.rng.IntN(len(h.servers))]
	before := h.assigner.Pending(s)
	h.assigner.Cancel(s)
	if after := h.assigner.Pending(s); after != max(0, before-1) {
		h.Errorf("cancelled one of %d pending, and %d are", before, after)
	}
	if h.since[s.Name] > 0 {
		h.since[s.Name]--
	} else if h.earlier[s.Name] > 0 {
		h.earlier[s.Name]--
	}
}

// taken returns how many places of a server are taken at least and at most, as far as
// this can be known.
func (h *history) taken(s roster.Entry) (least, most int) {
	least = s.Clients + h.since[s.Name]
	return least, least + h.earlier[s.Name]
}

func (h *history) assign() {
	avoid := ""
	if h.rng.IntN(3) == 0 {
		avoid = h.servers[h.rng.IntN(len(h.servers))].Name
	}
	doubtful := func(s roster.Entry) bool { return s.Name == avoid || h.now.Sub(s.Heard) >= 2500*time.Millisecond }
	var alive, certain []roster.Entry // certain to have room
	better := false                   // one of those is not doubtful
	for _, s := range h.servers {
		if s.State != wire.StateServing || h.now.Sub(s.Heard) >= 5*time.Second {
			continue
		}
		alive = append(alive, s)
		if _, most := h.taken(s); most < s.Capacity {
			certain = append(certain, s)
			better = better || !doubtful(s)
		}
	}
	got, verdict := h.assigner.Assign(h.servers, avoid, h.now)
	switch {
	case verdict == registry.NoServers && len(alive) > 0, verdict == registry.Full && (len(alive) == 0 || len(certain) > 0):
		h.Errorf("verdict %d, where %d are alive and %d have room", verdict, len(alive), len(certain))
	case verdict != registry.Assigned:
		return
	}
	if !slices.ContainsFunc(alive, func(s roster.Entry) bool { return s == got }) {
		h.Errorf("assigned %+v, which is not there", got)
	}
	if least, _ := h.taken(got); least >= got.Capacity {
		h.Errorf("assigned %s, of whose %d places %d are taken", got.Name, got.Capacity, least)
	}
	if better && doubtful(got) {
		h.Errorf("assigned %s, which may be dead, while another one has room", got.Name)
	}
	h.since[got.Name]++
}

// No client is sent to a server that is known to be full, or to one that may be dead
// while another one has room. No client is refused while a server certainly has room.
func TestHistories(t *testing.T) {
	for seed := range uint64(300) {
		for _, strategy := range []registry.Strategy{registry.LeastLoaded, registry.TwoChoices} {
			h := newHistory(t, seed, strategy)
			for range 300 {
				h.now = h.now.Add(time.Duration(h.rng.Int64N(int64(300 * time.Millisecond))))
				switch h.rng.IntN(10) {
				case 0, 1, 2:
					h.beat()
				case 3:
					h.cancel()
				default:
					h.assign()
				}
			}
			if t.Failed() {
				t.Fatalf("in the history of seed %d, %s", seed, strategy)
			}
		}
	}
}

// Between two heartbeats, a client goes to the server with the smallest share in use.
// When the last client was sent to a server, no other server had a smaller share.
func TestNoHerd(t *testing.T) {
	for seed := range uint64(300) {
		h := newHistory(t, seed, registry.LeastLoaded)
		places := 0
		for i := range h.servers {
			s := &h.servers[i]
			s.Clients = h.rng.IntN(s.Capacity + 1)
			places += s.Capacity - s.Clients
		}
		if places == 0 {
			continue
		}
		got := spread(t, h.assigner, h.servers, 1+h.rng.IntN(places))
		for _, s := range h.servers {
			for _, other := range h.servers {
				before, then := s.Clients+got[s.Name]-1, other.Clients+got[other.Name]
				if got[s.Name] > 0 && then < other.Capacity && before*other.Capacity > then*s.Capacity {
					t.Fatalf("seed %d: %s has %d of %d and was sent %d, while %s has %d of %d",
						seed, s.Name, before+1, s.Capacity, got[s.Name], other.Name, then, other.Capacity)
				}
			}
		}
	}
}
