package ingest_test

import (
	"context"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/emostream/emostream/server/ingest"
)

// The arrays and streams of one address wait until it is their turn. Those of other
// addresses do not wait for them, and those of loopback wait for nobody.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := ingest.NewTurns()
		greedy := netip.MustParseAddr("203.0.113.7")
		var begun, others, local atomic.Int32
		end := make(chan struct{})
		begin := func(client string, n *atomic.Int32) {
			go func() {
				done := turns.Begin(netip.MustParseAddr(client))
				n.Add(1)
				<-end
				done()
			}()
		}
		for range turns.AtOnce() + 2 {
			begin(greedy.String(), &begun)
			begin("127.0.0.1", &local)
			begin("::1", &local)
		}
		// Two addresses may share a queue, but hardly all four.
		for _, client := range []string{"198.51.100.1", "198.51.100.2", "2001:db8:1::", "2001:db8:2::"} {
			begin(client, &others)
		}
		synctest.Wait()
		if n := begun.Load(); int(n) != turns.AtOnce() {
			t.Errorf("%d of one address are worked on at once, want %d", n, turns.AtOnce())
		}
		if n := others.Load(); n < 2 {
			t.Errorf("%d of four other addresses have their turn", n)
		}
		if n, want := local.Load(), 2*(turns.AtOnce()+2); int(n) != want {
			t.Errorf("%d of loopback have their turn, want %d", n, want)
		}
		close(end)
		synctest.Wait()
		if n := begun.Load(); int(n) != turns.AtOnce()+2 {
			t.Errorf("after the first had ended %d had their turn, want %d", n, turns.AtOnce()+2)
		}
	})
}

// Who waits for the log, or for its client, gives its turn away.
func TestTurnsEndBeforeTheLog(t *testing.T) {
	for name, contentType := range map[string]string{"arrays": asJSON, "streams": "application/x-ndjson"} {
		t.Run(name, func(t *testing.T) {
			body := `[{"user_id":"a","emoji_type":"🔥"}]`
			if contentType != asJSON {
				body = `{"user_id":"a","emoji_type":"🔥"}` + "\n"
			}
			n := ingest.NewTurns().AtOnce() + 1
			all := make(chan struct{})
			h := routes(&memory{t: t, answer: func(_ context.Context, asked int) error {
				if asked == n {
					close(all)
				}
				<-all // every one of them waits for the log at the same time
				return nil
			}}, ingest.Config{})
			answered := make(chan int)
			for range n {
				go func() { answered <- post(h, "/v1/reactions", contentType, body).Code }()
			}
			for range n {
				if code := <-answered; code != 200 {
					t.Errorf("answered %d", code)
				}
			}
		})
	}
}
