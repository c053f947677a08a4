package fanout_test

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/fanout"
)

// When the server stops, its listeners are told to come back at different times. The
// server announces first that it drains and, when they have left, that it is gone.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{DrainSpread: 3 * time.Second})
		var all []*listener
		for i := range 40 {
			l := in.listen(t, []string{"/v1/swarm", "/sub1"}[i%2], "")
			l.hears(t, "retry:2000")
			all = append(all, l)
		}
		in.stop()
		waits := map[int]bool{}
		for _, l := range all {
			ms, err := strconv.Atoi(strings.TrimPrefix(l.heard(), "retry:"))
			if err != nil || ms < 1000 || ms > 4000 {
				t.Errorf("asked to come back in %d ms, %v", ms, err)
			}
			if err := l.end(); !errors.Is(err, io.EOF) {
				t.Errorf("the stream ended with %v", err)
			}
			waits[ms] = true
		}
		if len(waits) < 20 {
			t.Errorf("40 clients were asked to come back at %d times", len(waits))
		}
		if err := <-in.ran; err != nil {
			t.Errorf("Run = %v", err)
		}
		var states []string
		for _, b := range in.servers.heard() {
			states = append(states, b.State)
		}
		if got := strings.Join(states, " "); got != wire.StateServing+" "+wire.StateDraining+" "+wire.StateGone {
			t.Errorf("announced %s", got)
		}
		if last := in.servers.heard()[2]; last.Clients != 0 {
			t.Errorf("gone with %d clients", last.Clients)
		}
	})
}

// By every transport, all listeners are told when to come back and are let go, even
// one that does not read. Then the server ends.
func TestDrainEveryWay(t *testing.T) {
	onEach(t, func(t *testing.T, w way) {
		n := w.start(t, newTopic(), fanout.Config{DrainSpread: time.Second, Shards: 2, StallTimeout: time.Hour, KeepAlive: time.Hour})
		stuck := n.hear(t, "/v1/swarm", "")
		for i := range 60 {
			n.topic.publish(large(i))
		}
		var all []*ear
		for range 100 {
			all = append(all, n.hear(t, "/sub1", ""))
		}
		n.stop()
		times := map[string]bool{}
		for _, e := range all {
			retry, err := e.next()
			ms, _ := strconv.Atoi(strings.TrimPrefix(retry, "retry:"))
			if err != nil || ms < 1000 || ms > 2000 {
				t.Errorf("was told %s, %v", retry, err)
			}
			times[retry] = true
			if _, err := e.next(); !errors.Is(err, io.EOF) {
				t.Errorf("the stream ended with %v", err)
			}
		}
		if len(times) < 50 {
			t.Errorf("100 clients were asked to come back at %d times", len(times))
		}
		if err := <-n.served; err != nil || n.Clients() != 0 {
			t.Errorf("Serve = %v, and %d clients are left", err, n.Clients())
		}
		stuck.leave()
	})
}
