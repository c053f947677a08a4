package fanout_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/fanout"
)

// Listeners come and go while windows are published and revised. Those that stay are
// sent the greatest total of every window, and ids never decrease. When all have left,
// no listener is counted.
func TestChurn(t *testing.T) {
	onEach(t, func(t *testing.T, w way) {
		const windows, comers, stayers = 24, 24, 6 // 120 updates: nobody needs to skip
		n := w.start(t, newTopic(), fanout.Config{})
		var staying, joining, ready sync.WaitGroup
		ready.Add(stayers)
		for range stayers {
			staying.Go(func() {
				if err := n.follow(t.Context(), windows, ready.Done); err != nil {
					t.Error(err)
				}
			})
		}
		ready.Wait()
		stop := make(chan struct{})
		for i := range comers {
			joining.Go(func() {
				for k := 0; ; k++ {
					select {
					case <-stop:
						return
					default:
					}
					path := []string{"/v1/swarm", "/sub1", fmt.Sprintf("/v1/swarm?channel=c%d", k%3)}[(i+k)%3]
					if err := n.peek(t.Context(), path, k); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		var publishing sync.WaitGroup
		for p := range 4 { // publishers that write the same swarms
			publishing.Go(func() {
				for k := 1; k <= windows; k++ {
					for total := 1; total <= 5; total++ {
						n.topic.publish(swarm(k, int64(total), wire.EmojiCount{Emoji: "🔥", Count: int64(total), Scaled: float64(total)}))
					}
					n.topic.publish(elsewhere(fmt.Sprintf("c%d", p%3), swarm(k, 1)))
				}
			})
		}
		publishing.Wait()
		staying.Wait()
		close(stop)
		joining.Wait()
		eventually(t, "none is counted", func() bool { return n.Clients() == 0 })
	})
}

// A server that stops while listeners come, leave, read or do not read, and while
// windows arrive, lets all listeners go and ends.
func TestStopAmidChurn(t *testing.T) {
	onEach(t, func(t *testing.T, w way) {
		n := w.start(t, newTopic(), fanout.Config{StallTimeout: time.Second, DrainSpread: 200 * time.Millisecond, Capacity: 60})
		for range 10 {
			n.hear(t, "/v1/swarm", "") // and never reads
		}
		ctx, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				for k := 0; ctx.Err() == nil; k++ {
					_ = n.peek(ctx, []string{"/v1/swarm", "/sub1"}[i%2], k) // it may be refused, put off or cut off
				}
			})
		}
		for range 4 {
			all.Go(func() {
				client := sse.Client{URL: n.url + "/v1/swarm", HTTP: n.client, Reconnect: time.Millisecond}
				if err := client.Run(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		all.Go(func() {
			next := time.NewTicker(5 * time.Millisecond)
			defer next.Stop()
			for k := 1; ctx.Err() == nil; k++ {
				n.topic.publish(large(k))
				<-next.C
			}
		})
		eventually(t, "some are cut off", func() bool { return n.metric(t, "stalled_total") > 0 })
		n.stop()
		if err := <-n.served; err != nil || n.Clients() != 0 {
			t.Errorf("Serve = %v, and %d clients are left", err, n.Clients())
		}
		leave()
		all.Wait()
		if err := <-n.ran; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

// follow listens until it has been sent the greatest total of every window.
func (n *network) follow(ctx context.Context, windows int, ready func()) error {
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	truth, newest := map[int64]int64{}, ""
	client := sse.Client{
		URL:  n.url + "/v1/swarm",
		HTTP: n.client,
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
func (n *network) peek(ctx context.Context, path string, k int) error {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url+path, nil)
	if err != nil {
		return err
	}
	res, err := n.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	hello := make([]byte, len("retry: 2000\n")*(k%2))
	if _, err := io.ReadFull(res.Body, hello); err != nil || !strings.HasPrefix("retry: 2000\n", string(hello)) {
		return fmt.Errorf("the stream began with %q, %w", hello, err)
	}
	return nil
}
