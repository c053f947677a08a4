package fanout_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/fanout"
)

// Listeners come and go on real sockets while windows are published and revised.
// Whoever stays hears the truth of every window, ids never go back, and when all
// have left none is counted.
func TestChurn(t *testing.T) {
	const windows, comers, stayers = 24, 24, 6 // 120 updates: nobody needs to skip
	log, servers := newTopic(), &announcements{}
	s := fanout.New(fanout.Config{Name: "sub1", URL: "http://emo", Topic: "sub_1", Log: log, Servers: &servers.roster, Announce: servers})
	mux := http.NewServeMux()
	s.Routes(mux)
	srv := httptest.NewServer(mux)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ran := run(ctx, s)

	var staying, coming, ready sync.WaitGroup
	ready.Add(stayers)
	for range stayers {
		staying.Go(func() {
			if err := follow(ctx, srv.URL, windows, ready.Done); err != nil {
				t.Error(err)
			}
		})
	}
	ready.Wait()
	stop := make(chan struct{})
	for i := range comers {
		coming.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				path := []string{"/v1/swarm", "/sub1", fmt.Sprintf("/v1/swarm?channel=c%d", n%3)}[(i+n)%3]
				if err := peek(ctx, srv.URL+path, n); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	var publishing sync.WaitGroup
	for p := range 4 { // as many replays of the same truth
		publishing.Go(func() {
			for n := 1; n <= windows; n++ {
				for total := 1; total <= 5; total++ {
					log.publish(swarm(n, int64(total), wire.Tally{Emoji: "🔥", Count: int64(total), Scaled: float64(total)}))
				}
				log.publish(elsewhere(fmt.Sprintf("c%d", p%3), swarm(n, 1)))
			}
		})
	}
	publishing.Wait()
	staying.Wait()
	close(stop)
	coming.Wait()
	srv.Close() // waits for the handlers
	if n := s.Clients(); n != 0 {
		t.Errorf("%d clients are counted when all have left", n)
	}
	cancel()
	if err := <-ran; err != nil {
		t.Errorf("Run = %v", err)
	}
}

// Of many who come at the same moment exactly as many are taken as there are
// places, and all places are free when they have left.
func TestCapacityAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const places, comers = 10, 200
		s := fanout.New(fanout.Config{Name: "sub1", Capacity: places})
		mux := http.NewServeMux()
		s.Routes(mux)
		for range 20 {
			ctx, leave := context.WithCancel(t.Context())
			var taken, refused atomic.Int64
			var all sync.WaitGroup
			begin := make(chan struct{})
			for range comers {
				all.Go(func() {
					w := httptest.NewRecorder()
					<-begin
					mux.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/swarm", nil))
					if w.Code == http.StatusOK {
						taken.Add(1)
					} else {
						refused.Add(1)
					}
				})
			}
			synctest.Wait()
			close(begin)
			synctest.Wait()
			if s.Clients() != places || refused.Load() != comers-places {
				t.Errorf("%d clients, %d refused, want %d and %d", s.Clients(), refused.Load(), places, comers-places)
			}
			leave()
			all.Wait()
			if s.Clients() != 0 || taken.Load() != places {
				t.Errorf("%d were taken, and %d are left", taken.Load(), s.Clients())
			}
		}
	})
}

// follow listens until it has heard the greatest total of every window.
func follow(ctx context.Context, url string, windows int, ready func()) error {
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	truth, newest := map[int64]int64{}, ""
	client := sse.Client{
		URL:  url + "/v1/swarm",
		HTTP: &http.Client{Transport: &http.Transport{}},
		OnState: func(s sse.State) {
			if s.Phase == sse.Live {
				ready()
			}
		},
		OnEvent: func(e sse.Event) error {
			s, err := wire.DecodeSwarm(e.Data)
			if err != nil {
				return err
			}
			if e.ID < newest {
				return fmt.Errorf("the id went back from %s to %s", newest, e.ID)
			}
			newest = e.ID
			if s.Total <= truth[s.Window.End] {
				return fmt.Errorf("window %d had %d and now has %d", s.Window.End, truth[s.Window.End], s.Total)
			}
			truth[s.Window.End] = s.Total
			whole := 0
			for _, total := range truth {
				whole += int(total) / 5
			}
			if whole == windows {
				enough()
			}
			return nil
		},
	}
	return client.Run(ctx)
}

// peek opens a stream, reads a little or nothing, and leaves.
func peek(ctx context.Context, url string, n int) error {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	hello := make([]byte, len("retry: 2000\n\n")*(n%2))
	if _, err := io.ReadFull(res.Body, hello); err != nil || !strings.HasPrefix("retry: 2000\n\n", string(hello)) {
		return fmt.Errorf("the stream began with %q, %w", hello, err)
	}
	return nil
}
