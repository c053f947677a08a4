package e2e_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/wire"
)

// A subscriber server that many listeners have used, well or badly, holds no more
// goroutines, descriptors or memory than before. A listener that stayed all the time
// was shown every window. The flag -duration says how long the load lasts.
func TestSoak(t *testing.T) {
	d := *duration
	if d <= 0 {
		t.Skip("takes minutes: make soak")
	}
	at := free(t)
	s := subscribe(t, "--metrics-listen", at, "--pprof", "--capacity", "80", "--stall-timeout", "2s", "--log-level", "info")
	s.began = s.began.Add(-24 * time.Hour) // windows are published faster than they pass, and none may be of the future
	soak := &soak{subscriber: s, metrics: "http://" + at}
	stays := listen(t, s.url)

	// Fill the history of windows, the buffers and the pools, so that they grow no
	// more.
	for range 150 {
		soak.next()
	}
	soak.run(min(d, 20*time.Second) / 4)
	before := soak.settled(1)
	visits := soak.visits
	soak.run(d)
	after := soak.settled(1)
	t.Logf("%d visits in %v; before them %v, after them %v", soak.visits-visits, d, before, after)

	until(t, "the server ends where it began", func() error {
		if after = soak.holds(); after.exceed(before) {
			return fmt.Errorf("before: %v, after: %v", before, after)
		}
		return nil
	})
	until(t, "every window at a listener that stays", func() error {
		stays.mu.Lock()
		defer stays.mu.Unlock()
		for n := 1; n <= soak.published; n++ {
			if got := stays.windows[s.window(n).Window.End].Total; got < int64(n) {
				return fmt.Errorf("window %d of %d is shown with %d", n, soak.published, got)
			}
		}
		return nil
	})
	for _, name := range []string{"delivered", "skipped", "stalled", "full"} {
		t.Logf("%s: %.0f", name, metric(t, soak.metrics, "emostream_subscribe_"+name+"_total"))
	}
}

// soak puts a load on a subscriber server.
type soak struct {
	*subscriber
	metrics   string // base URL
	published int

	mu     sync.Mutex
	visits int
}

// holding is how much of each resource a process holds; memory is in bytes.
type holding struct {
	clients, goroutines, descriptors, heap, resident float64
}

// exceed says whether h is more than before. It allows two more connections to the
// broker, each with a goroutine, since requests that meet by chance open one that stays;
// 512 KiB more heap, which varies by chance; and 16 MiB more resident memory, since the
// system takes back unused memory late. What each of some visits left behind would be
// hundreds.
func (h holding) exceed(before holding) bool {
	return h.goroutines > before.goroutines+2 || h.descriptors > before.descriptors+2 ||
		h.heap > before.heap+512<<10 || h.resident > before.resident+16<<20
}

func (h holding) String() string {
	return fmt.Sprintf("%.0f clients, %.0f goroutines, %.0f descriptors, %.1f MiB in use, %.1f MiB resident",
		h.clients, h.goroutines, h.descriptors, h.heap/(1<<20), h.resident/(1<<20))
}

// heapAlloc finds in a heap profile how many bytes of the heap are in use. That number
// is taken right after the garbage collection, and so does not include what the profile
// itself allocates.
var heapAlloc = regexp.MustCompile(`(?m)^# HeapAlloc = (\d+)$`)

// holds lets the server collect its garbage, and returns what it holds then.
func (s *soak) holds() holding {
	s.t.Helper()
	res, err := scraper.Get(s.metrics + "/debug/pprof/heap?gc=1&debug=1")
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	profile, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	found := heapAlloc.FindSubmatch(profile)
	if found == nil {
		s.t.Fatal("the heap's profile does not say what is in use")
	}
	heap, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		s.t.Fatal(err)
	}
	of := func(name string) float64 { return metric(s.t, s.metrics, name) }
	return holding{
		clients:    of("emostream_subscribe_clients"),
		goroutines: of("go_goroutines"), descriptors: of("process_open_fds"),
		heap: heap, resident: of("process_resident_memory_bytes"),
	}
}

// settled waits until the server counts so many clients, and returns what it holds
// then.
func (s *soak) settled(clients float64) (h holding) {
	s.t.Helper()
	until(s.t, "all who have left are no longer counted", func() error {
		if h = s.holds(); h.clients != clients {
			return fmt.Errorf("%v", h)
		}
		return nil
	})
	return h
}

// run lets 200 visitors at a time come and go for d, while windows are published.
func (s *soak) run(d time.Duration) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), d)
	defer cancel()
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			for sleep.For(ctx, rand.N(100*time.Millisecond)) == nil {
				if err := s.visit(ctx); err != nil {
					s.t.Error(err)
					return
				}
			}
		})
	}
	for sleep.For(ctx, 200*time.Millisecond) == nil {
		s.next()
	}
	all.Wait()
}

// behaviours are the ways in which a visitor may treat its connection after it has sent
// its request, by name.
var behaviours = map[string]func(ctx context.Context, conn *net.TCPConn){
	"listens for a while": func(_ context.Context, conn *net.TCPConn) {
		r := bufio.NewReader(conn)
		for range rand.N(100) {
			if _, err := r.ReadString('\n'); err != nil {
				return
			}
		}
	},
	"leaves at once":     func(context.Context, *net.TCPConn) {},
	"leaves with a bang": func(_ context.Context, conn *net.TCPConn) { _ = conn.SetLinger(0) },
	"never reads":        func(ctx context.Context, _ *net.TCPConn) { _ = sleep.For(ctx, rand.N(4*time.Second)) },
	"says no more": func(ctx context.Context, conn *net.TCPConn) {
		_ = conn.CloseWrite()
		_ = sleep.For(ctx, rand.N(time.Second))
	},
	"reads too slowly": func(ctx context.Context, conn *net.TCPConn) {
		b := make([]byte, 500)
		for range rand.N(60) {
			if _, err := conn.Read(b); err != nil || sleep.For(ctx, 50*time.Millisecond) != nil {
				return
			}
		}
	},
}

// requests are what visitors send; %d stands for a number from 0 to 49.
var requests = []string{
	"GET /v1/swarm HTTP/1.1\r\nHost: localhost\r\n\r\n",
	"GET /v1/swarm HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: %d\r\n\r\n",
	"GET /v1/swarm?channel=c%d HTTP/1.1\r\nHost: localhost\r\n\r\n",
	"GET /v1/swarm HTTP/1.0\r\nHost: localhost\r\n\r\n",
	"GET /sub1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
	"GET /v1/swarm HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
	"HEAD /v1/swarm HTTP/1.1\r\nHost: localhost\r\n\r\n",
	"GET /v1/swarm?channel=%%20 HTTP/1.1\r\nHost: localhost\r\n\r\n",
	"GET /v1/sw",
	"",
}

// visit opens a connection, sends one of requests, and treats the connection in one of
// behaviours.
func (s *soak) visit(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 6*time.Second)
	defer cancel()
	dialer := net.Dialer{Control: small}
	conn, err := dialer.DialContext(ctx, "tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		if end, _ := ctx.Deadline(); !time.Now().Before(end) {
			return nil // the dialer looks at the deadline itself, and may be earlier than ctx
		}
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	request := requests[rand.N(len(requests))]
	if strings.Contains(request, "%") {
		request = fmt.Sprintf(request, rand.N(50))
	}
	_, _ = io.WriteString(conn, request) // a request that cannot be sent is a visit too
	for _, behave := range behaviours {  // one at random, since range over a map begins anywhere
		behave(ctx, conn.(*net.TCPConn))
		break
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.visits++
	return nil
}

// small gives a connection a small buffer and small segments, so that the server soon
// notices when a listener does not read.
func small(_, _ string, c syscall.RawConn) (err error) {
	failed := c.Control(func(fd uintptr) {
		err = errors.Join(
			syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 536),
			syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096),
		)
	})
	return errors.Join(failed, err)
}

// next publishes a window that is so large that a few of them fill small buffers.
func (s *soak) next() {
	s.t.Helper()
	s.published++
	w := s.window(s.published)
	for i := range 199 {
		w.Emojis = append(w.Emojis, wire.EmojiCount{Emoji: "🎉" + strconv.Itoa(i), Count: 1, Scaled: 1})
	}
	s.write(w)
}
