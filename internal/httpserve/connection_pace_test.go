package httpserve_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
)

// One address opens connections, uses each once and ends it, as fast as it is answered. It
// is served no faster than its pace, and others wait for nothing. Peers on this machine and
// trusted proxies have no pace.
func TestPaceOfOneAddress(t *testing.T) {
	proxies, err := httpserve.ParseProxies([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		address string
		least   int // a second
		want    int // answers in 10 s to four clients who come again at once
	}{
		"a stranger":         {address: "192.0.2.1", want: 20 + 10*4},
		"of IPv6":            {address: "2001:db8::1", want: 20 + 10*4},
		"with a higher pace": {address: "192.0.2.1", least: 7, want: 20 + 10*7},
		"this machine":       {address: "127.0.0.1"},
		"a trusted proxy":    {address: "10.1.2.3"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, conns := bounded(t, httpserve.ConnectionLimits{Max: 80, MaxPerAddress: 20, MinPerSecond: tt.least, Proxies: proxies}, ok)
				begun, answers := time.Now(), make(chan int)
				for range 4 {
					go func() {
						n := 0
						for ; n < 1000 && time.Since(begun) < 10*time.Second; n++ {
							c := p.dial(t, tt.address)
							if statusOn(t, c) != http.StatusOK {
								t.Error("it is not served")
								break
							}
							_ = c.Close()
							<-time.After(time.Nanosecond) // the server has noticed
						}
						answers <- n
					}()
				}
				<-time.After(9 * time.Second)
				before := time.Now()
				if status := statusOn(t, p.dial(t, "198.51.100.7")); status != http.StatusOK || time.Since(before) != 0 {
					t.Errorf("another address is answered %d after %v", status, time.Since(before))
				}
				got := 0
				for range 4 {
					got += <-answers
				}
				if tt.want == 0 {
					if got != 4000 || conns.Delayed() != 0 {
						t.Errorf("%d answers, %d connections waited", got, conns.Delayed())
					}
					return
				}
				if got < tt.want || got > tt.want+4 || conns.Refused() != 0 || conns.Delayed() < int64(tt.want-20) {
					t.Errorf("%d answers, want %d; %d connections waited, %d were refused", got, tt.want, conns.Delayed(), conns.Refused())
				}
			})
		})
	}
}

// A connection that waits for its turn counts as open, and makes way for others as an idle
// one does.
func TestConnectionsThatWaitForTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, conns := bounded(t, httpserve.ConnectionLimits{Max: 6, MaxPerAddress: 5}, ok)
		for range 5 {
			_ = p.dial(t, "192.0.2.1").Close() // its pace is one a second from now on
			synctest.Wait()
		}
		var waiting []net.Conn
		for range 5 {
			waiting = append(waiting, p.dial(t, "192.0.2.1"))
		}
		synctest.Wait()
		if conns.Open() != 5 || conns.Delayed() != 5 {
			t.Errorf("%d are open, %d wait", conns.Open(), conns.Delayed())
		}
		if status := statusOn(t, p.dial(t, "192.0.2.1")); status != http.StatusServiceUnavailable {
			t.Errorf("one above the share is answered %d", status)
		}
		<-time.After(time.Second)
		for _, address := range []string{"192.0.2.2", "192.0.2.3"} {
			if status := statusOn(t, p.dial(t, address)); status != http.StatusOK {
				t.Errorf("%s is answered %d", address, status)
			}
		}
		if _, err := waiting[1].Read(make([]byte, 1)); err == nil || conns.ClosedIdle() != 1 {
			t.Errorf("the one that has waited longest has not made way: %v, %d did", err, conns.ClosedIdle())
		}
		before := time.Now()
		if status := statusOn(t, waiting[2]); status != http.StatusOK || time.Since(before) != 1500*time.Millisecond {
			t.Errorf("the next one is answered %d after %v", status, time.Since(before))
		}
	})
}

// A connection that waits for its turn is closed when the server stops.
func TestWaitingConnectionsWhenTheServerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		conns := httpserve.LimitConnections(p, httpserve.ConnectionLimits{Max: 6, MaxPerAddress: 1})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- httpserve.Serve(ctx, conns, &http.Server{Handler: http.HandlerFunc(ok)}, time.Minute) }()
		_ = p.dial(t, "192.0.2.1").Close()
		synctest.Wait()
		waiting := p.dial(t, "192.0.2.1")
		synctest.Wait()
		begun := time.Now()
		stop()
		if _, err := io.Copy(io.Discard, waiting); err != nil || conns.Delayed() != 1 {
			t.Errorf("%v; %d connections waited", err, conns.Delayed())
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if time.Since(begun) != 0 || conns.Open() != 0 {
			t.Errorf("it ended after %v, %d are open", time.Since(begun), conns.Open())
		}
	})
}

// A connection over the share of its address is answered, or closed, half a second later,
// so that whoever comes again at once is slowed down. Where all places are taken it is
// answered at once, since then it is not the client's doing.
func TestRefusedConnectionsAreHeldBack(t *testing.T) {
	const answered, held = 64, 1024 // at the same time
	synctest.Test(t, func(t *testing.T) {
		p, _ := bounded(t, httpserve.ConnectionLimits{Max: 4, MaxPerAddress: 2}, ok)
		for _, address := range []string{"192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"} {
			p.dial(t, address)
		}
		synctest.Wait()
		begun := time.Now()
		full := p.dial(t, "192.0.2.4")
		if status := statusOn(t, full); status != http.StatusServiceUnavailable || time.Since(begun) != 0 {
			t.Errorf("a client for whom there is no place is answered %d after %v", status, time.Since(begun))
		}
		_ = full.Close()
		synctest.Wait()
		took := make(chan time.Duration, answered+held+1)
		for range answered + held + 1 {
			c := p.dial(t, "192.0.2.1")
			go func() {
				_ = statusOn(t, c)
				took <- time.Since(begun)
			}()
		}
		synctest.Wait()
		if n := len(took); n != 1 {
			t.Errorf("%d connections were closed at once, want the one that is too much", n)
		}
		<-took
		for range answered + held {
			if after := <-took; after != 500*time.Millisecond {
				t.Fatalf("a connection over the share was refused after %v", after)
			}
		}
	})
}

// Refused connections that are held back are closed when the server stops.
func TestHeldConnectionsWhenTheServerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		conns := httpserve.LimitConnections(p, httpserve.ConnectionLimits{Max: 6, MaxPerAddress: 1})
		go func() { ended <- httpserve.Serve(ctx, conns, &http.Server{Handler: http.HandlerFunc(ok)}, time.Minute) }()
		p.dial(t, "192.0.2.1")
		var all []net.Conn
		for range 100 {
			all = append(all, p.dial(t, "192.0.2.1"))
		}
		synctest.Wait()
		begun := time.Now()
		stop()
		for _, c := range all[64:] {
			if _, err := io.Copy(io.Discard, c); err != nil || time.Since(begun) != 0 {
				t.Fatalf("closed after %v: %v", time.Since(begun), err)
			}
		}
		for _, c := range all {
			_ = c.Close()
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
