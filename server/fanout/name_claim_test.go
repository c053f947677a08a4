package fanout_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/fanout"
)

// contender is a server that claims sub1 and has no listeners to serve.
func contender(servers *announcements, log *topic, url string) *fanout.Server {
	return fanout.New(fanout.Config{Name: "sub1", URL: url, Topic: "sub_1", Log: log, Servers: &servers.roster, Heartbeats: servers})
}

// run runs a contender, which has no listeners to drain.
func run(ctx context.Context, s *fanout.Server) <-chan error {
	drained, ran := make(chan struct{}), make(chan error, 1)
	close(drained)
	go func() { ran <- s.Run(ctx, 0, 0, drained) }()
	return ran
}

// owner is the heartbeat of another server that has had the name since before the
// test.
func owner(url, state string) wire.ServerStatus {
	return wire.ServerStatus{
		Name: "sub1", Instance: "owner", URL: url, Topic: "sub_1", Cluster: "cluster_1", Capacity: 1, State: state,
		StartedAt: "1999-12-31T23:00:00.000Z",
	}
}

// A server starts under a name that is, or was, another server's.
func TestClaim(t *testing.T) {
	never := time.Hour
	for name, tt := range map[string]struct {
		url    string        // of the owner
		state  string        // that the owner last announced
		ago    time.Duration // this long, and 300 ms, before our start the owner was last heard of
		beats  int           // how many heartbeats of the owner follow, one a second
		stale  bool          // those heartbeats were sent before we started
		begins time.Duration // when our own first heartbeat comes
		fails  time.Duration // when we give up
	}{
		"nobody was heard of lately":              {url: "http://other", state: wire.StateServing, ago: 4700 * time.Millisecond, fails: never},
		"the owner left in order":                 {url: "http://other", state: wire.StateGone, fails: never},
		"the owner was killed, same address":      {url: "http://emo", state: wire.StateServing, fails: never},
		"the owner was killed, other address":     {url: "http://other", state: wire.StateServing, begins: 2500 * time.Millisecond, fails: never},
		"killed a while ago":                      {url: "http://other", state: wire.StateServing, ago: 4 * time.Second, begins: 2500 * time.Millisecond, fails: never},
		"the owner lives":                         {url: "http://other", state: wire.StateServing, beats: 100, begins: never, fails: 2500 * time.Millisecond},
		"the owner lives behind the same address": {url: "http://emo", state: wire.StateServing, beats: 100, fails: 3 * time.Second},
		"the owner was killed, same address, and his last heartbeats come late": {url: "http://emo", state: wire.StateServing, beats: 5, stale: true, fails: never},
		"the owner drains and is not heard again":                               {url: "http://other", state: wire.StateDraining, begins: 2500 * time.Millisecond, fails: never},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				servers := &announcements{}
				servers.hear(owner(tt.url, tt.state))
				pass(tt.ago + 300*time.Millisecond)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				start := time.Now()
				s := contender(servers, newTopic(), "http://emo")
				ran := run(ctx, s)
				go func() {
					<-time.After(700 * time.Millisecond)
					for range tt.beats {
						beat := owner(tt.url, tt.state)
						beat.Time = time.Now().UTC().Format(wire.TimeFormat)
						if tt.stale {
							beat.Time = start.Add(-time.Second).UTC().Format(wire.TimeFormat)
						}
						servers.hear(beat)
						select {
						case <-time.After(time.Second):
						case <-ctx.Done():
							return
						}
					}
				}()
				select {
				case err := <-ran:
					if d := time.Since(start); d != tt.fails || !strings.Contains(fmt.Sprint(err), "sub1 belongs to a server that is alive at "+tt.url) {
						t.Errorf("failed after %v: %v", d, err)
					}
				case <-time.After(20 * time.Second):
					if tt.fails != never {
						t.Error("did not give up")
					}
					if err := s.Ready(); err != nil {
						t.Errorf("is not ready: %v", err)
					}
				}
				first := never
				for _, b := range servers.heard() {
					if b.Instance != "owner" {
						first = min(first, b.at.Sub(start))
					}
				}
				if first != tt.begins {
					t.Errorf("the first heartbeat came after %v, want %v", first, tt.begins)
				}
				cancel()
				synctest.Wait()
			})
		})
	}
}

// While the server waits for another heartbeat of the former owner, it is not ready,
// and can be stopped.
func TestClaimIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers := &announcements{}
		servers.hear(owner("http://other", wire.StateServing))
		ctx, cancel := context.WithCancel(t.Context())
		s := contender(servers, newTopic(), "http://emo")
		ran := run(ctx, s)
		pass(time.Second)
		if err := s.Ready(); err == nil || !strings.Contains(err.Error(), "sub1 is not claimed yet") {
			t.Errorf("Ready = %v", err)
		}
		start := time.Now()
		cancel()
		if err := <-ran; err != nil || !time.Now().Equal(start) {
			t.Errorf("Run = %v after %v", err, time.Since(start))
		}
		if n := len(servers.heard()); n != 1 {
			t.Errorf("%d heartbeats, want the owner's alone", n)
		}
	})
}

// Two servers of one name start at once, before either has heard of the other. The one
// that started later gives the name up, and the other goes on.
func TestTwoStartAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers, log := &announcements{delay: 20 * time.Millisecond}, newTopic()
		early := contender(servers, log, "http://early")
		pass(time.Millisecond)
		late := contender(servers, log, "http://late")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		start := time.Now()
		// The later one is first at the topic, which does not help it.
		lateRan, earlyRan := run(ctx, late), run(ctx, early)
		if err := <-lateRan; !strings.Contains(fmt.Sprint(err), "http://early") || time.Since(start) > 3*time.Second {
			t.Errorf("the later one ended with %v after %v", err, time.Since(start))
		}
		pass(10 * time.Second)
		select {
		case err := <-earlyRan:
			t.Errorf("the earlier one ended with %v", err)
		default:
		}
		if e, ok := servers.roster.Get("sub1"); !ok || e.URL != "http://early" || !e.Alive(time.Now()) {
			t.Errorf("the name belongs to %+v", e)
		}
		cancel()
		if err := <-earlyRan; err != nil {
			t.Errorf("the earlier one ended with %v when it was stopped", err)
		}
	})
}

// A foreign record that claims the name of a server that runs does not end it: whoever
// is alive sends a heartbeat each second. After three of them, the one that started
// earlier has the name.
func TestForeignClaims(t *testing.T) {
	for records, ends := range map[int]bool{1: false, 2: false, 3: true} {
		for name, started := range map[string]string{"an earlier start": "1999-12-31T23:00:00.000Z", "no start": ""} {
			t.Run(fmt.Sprintf("%d with %s", records, name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					servers := &announcements{}
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					ran := run(ctx, contender(servers, newTopic(), "http://emo"))
					pass(10*time.Second + 500*time.Millisecond)
					for range records {
						rival := owner("http://evil", wire.StateServing)
						rival.StartedAt = started
						servers.hear(rival)
						pass(time.Second)
					}
					pass(10 * time.Second)
					select {
					case err := <-ran:
						if !ends || started == "" || !strings.Contains(fmt.Sprint(err), "http://evil") {
							t.Errorf("ended with %v", err)
						}
					default:
						if ends && started != "" {
							t.Error("goes on")
						}
						cancel()
						if err := <-ran; err != nil {
							t.Errorf("ended with %v when it was stopped", err)
						}
					}
				})
			})
		}
	}
}
