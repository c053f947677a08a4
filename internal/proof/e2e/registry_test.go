package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/proof/kafkatest"
	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
)

// joining is how many clients join in a second.
const joining = 500

// Clients that join through two main servers are spread evenly over six subscriber
// servers, and both main servers report the same numbers. Then one subscriber server is
// killed and another is stopped. Every client comes back on another server, and none is
// counted twice. The flag -clients says how many clients there are. If it is given, the
// test also has limits for how unevenly they are spread and for how long they take to
// come back.
func TestRegistry(t *testing.T) {
	sideBySide(t)
	clients, exact := *clients, *clients != 0
	if !exact {
		clients = 600
	}
	if clients < 6 || clients > 10_000 {
		t.Fatalf("-clients %d: want 6 to 10000", clients)
	}
	servers, in := subscribers(t, 6)
	a := newAudience(t)
	even := func(what string, took time.Duration) {
		t.Helper()
		counts := a.at()
		t.Logf("%s: all %d clients have a stream after %v; by server %v, which differ by %.1f %%", what, clients, took.Round(time.Millisecond), counts, spread(counts))
		if n := spread(counts); exact && n >= 5 || n >= 50 { // few clients that return at once are spread less evenly
			t.Errorf("%s: servers differ by %.1f %%", what, n)
		}
	}
	began := time.Now()
	a.join(clients, in.main)
	even("joined", a.settled(in, clients).Sub(began))
	for _, end := range []struct {
		what, name string
		now        func(*process)
	}{{"killed", "sub2", (*process).kill}, {"stopped", "sub5", func(p *process) { p.stop() }}} {
		began := time.Now()
		end.now(servers[end.name])
		delete(in.servers, end.name)
		took := a.settled(in, clients).Sub(began)
		even(end.name+" was "+end.what, took)
		if exact && took > 10*time.Second {
			t.Errorf("%s was %s: all were back after %v, want at most 10 s", end.name, end.what, took)
		}
	}
	t.Logf("why clients were without a stream: %v", a.why())
}

// subscribers starts two main servers and n subscriber servers in two clusters, and a
// broker if the tests have none. It returns the subscriber servers by name.
func subscribers(t *testing.T, n int) (map[string]*process, *installation) {
	t.Helper()
	in := &installation{t: t, servers: map[string]string{}}
	in.names.Prefix = prefix(t)
	brokers := os.Getenv(kafkatest.BrokersVariable)
	if brokers == "" {
		brokers = "localhost:" + port(free(t))
		start(t, "broker", "--listen", brokers, "--data-dir", t.TempDir())
	}
	run := func(args ...string) *process {
		return start(t, append(args, "--brokers", brokers, "--topic-prefix", in.names.Prefix, "--group-prefix", in.names.Prefix)...)
	}
	for range 2 {
		addr := free(t)
		in.main = append(in.main, "http://"+addr)
		run("serve", "--listen", addr)
	}
	servers := map[string]*process{}
	for i := range n {
		name, addr := fmt.Sprintf("sub%d", i+1), free(t)
		in.servers[name] = "http://" + addr
		servers[name] = run("subscribe", "--name", name, "--cluster", fmt.Sprintf("cluster_%d", i%2+1), "--listen", addr)
	}
	in.ready()
	for _, main := range in.main {
		until(t, main+" knows all servers", func() error {
			if counts, _, err := registered(main); err != nil || len(counts) < n {
				return fmt.Errorf("%v, %w", counts, err)
			}
			return nil
		})
	}
	return servers, in
}

// registered asks a main server for the subscriber servers. It returns how many clients
// each live server has, and how many clients were assigned that no server reports yet.
func registered(main string) (clients map[string]int, pending int, err error) {
	res, err := http.Get(main + "/v1/servers")
	if err != nil {
		return nil, 0, err
	}
	defer res.Body.Close()
	var said struct {
		Servers []struct {
			Name             string
			Clients, Pending int
			Alive            bool
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&said); err != nil {
		return nil, 0, err
	}
	clients = map[string]int{}
	for _, s := range said.Servers {
		if s.Alive {
			clients[s.Name] = s.Clients
			pending += s.Pending
		}
	}
	return clients, pending, nil
}

// audience is clients like `watch`, each with a stream of its own.
type audience struct {
	t      *testing.T
	http   *http.Client
	ctx    context.Context //nolint:containedctx // its end stops all clients
	ending sync.WaitGroup

	mu      sync.Mutex
	live    map[int]string // the server of each client that has a stream
	since   time.Time      // when the newest stream was opened
	reasons map[string]int // how often each reason left a client without a stream
}

func newAudience(t *testing.T) *audience {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	a := &audience{t: t, http: &http.Client{Transport: transport}, live: map[int]string{}, reasons: map[string]int{}}
	ctx, cancel := context.WithCancel(context.Background())
	a.ctx = ctx
	t.Cleanup(func() {
		cancel()
		a.ending.Wait()
		transport.CloseIdleConnections()
	})
	return a
}

// join starts n clients, joining of them a second. They register at the main servers in
// turn.
func (a *audience) join(n int, main []string) {
	began := time.Now()
	for i := range n {
		<-time.After(time.Until(began.Add(time.Duration(i) * time.Second / joining)))
		a.ending.Go(func() {
			c := &client.Client{Server: main[i%len(main)], HTTP: a.http}
			nothing := func(wire.Swarm, []byte) error { return nil }
			if err := c.Watch(a.ctx, "main", nothing, func(s sse.State, at wire.Assignment) { a.note(i, s, at) }); err != nil {
				a.t.Errorf("client %d: %v", i, err)
			}
		})
	}
}

func (a *audience) note(i int, s sse.State, at wire.Assignment) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch s.Phase {
	case sse.Live:
		a.live[i], a.since = at.ServerName, time.Now()
	case sse.Reconnecting:
		delete(a.live, i)
		reason := s.Err.Error()
		a.reasons[reason[strings.LastIndex(reason, ": ")+1:]]++
	}
}

// at returns how many clients have a stream at each server, as the clients know it.
func (a *audience) at() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := map[string]int{}
	for _, server := range a.live {
		n[server]++
	}
	return n
}

func (a *audience) why() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.reasons)
}

// settled waits until n clients have streams at servers that still run, and both main
// servers report the same numbers. It returns when the newest stream was opened.
func (a *audience) settled(in *installation, n int) time.Time {
	a.t.Helper()
	until(a.t, "every client has a stream, and is counted once", func() error {
		want := a.at()
		for name := range want {
			if in.servers[name] == "" {
				return fmt.Errorf("somebody is still at %s", name)
			}
		}
		if total := sum(want); total != n {
			return fmt.Errorf("%d of %d clients have a stream", total, n)
		}
		for _, main := range in.main {
			counts, pending, err := registered(main)
			if diff := cmp.Diff(want, counts); err != nil || diff != "" || pending > 0 {
				return fmt.Errorf("%s (-clients' own words +%s), %d pending, %w", diff, main, pending, err)
			}
		}
		return nil
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.since
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// spread returns by how much the emptiest server has fewer clients than the fullest, in
// percent of the fullest.
func spread(counts map[string]int) float64 {
	all := slices.Sorted(maps.Values(counts))
	return 100 * float64(all[len(all)-1]-all[0]) / float64(all[len(all)-1])
}
