package loadgen_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/loadgen"
)

// A run spreads reactions evenly over its channels, each of which has a listener, and
// names the channel of a window that does not balance.
func TestChannels(t *testing.T) {
	t.Parallel()
	s := startFaulty(t, faults{drop: 7})
	r, err := loadgen.Run(t.Context(), loadgen.Config{
		Server: s.url, Rate: 300, Duration: time.Second, Connections: 4, Channels: 3, Listeners: 1,
		BalanceTimeout: 2 * time.Second, Drain: longTimeout, Timeout: longTimeout,
	})
	if err != nil {
		t.Fatal(err)
	}
	if b := balanceOf(t, r); b.Counted != 300-s.injected["dropped"] || b.Lost != s.injected["dropped"] || r.Listeners.Wanted != 3 || r.Listeners.Connected != 3 {
		t.Errorf("%+v, %+v", b, r.Listeners)
	}
	name, last, ok := strings.Cut(r.Options.Channel, "..")
	name, first := strings.TrimSuffix(name, "1"), name[max(0, len(name)-1):]
	if !ok || first != "1" || last != "3" || r.Options.Channels != 3 {
		t.Errorf("the channels are %q, and %d", r.Options.Channel, r.Options.Channels)
	}
	lost := map[string]int64{}
	for _, w := range r.Windows {
		lost[w.Channel] += w.Accepted - w.Counted
	}
	sum := int64(0)
	for i := range 3 {
		channel := fmt.Sprint(name, i+1)
		sum += lost[channel]
		if n := s.sentTo[channel]; n != 100 || lost[channel] == 0 || lost[channel] != s.injected["dropped of "+channel] {
			t.Errorf("channel %s: %d sent, %d lost", channel, n, lost[channel])
		}
	}
	if sum != s.injected["dropped"] || len(lost) != 3 {
		t.Errorf("windows name %v", lost)
	}
}

// A channel that nobody can listen to is no proof that anything was lost in it.
func TestAChannelThatRefuses(t *testing.T) {
	t.Parallel()
	s := startFaulty(t, faults{closed: "-2"})
	r, err := loadgen.Run(t.Context(), loadgen.Config{
		Server: s.url, Rate: 300, Duration: time.Second, Connections: 4, Channels: 3, Listeners: 3,
		BalanceTimeout: longTimeout, Drain: longTimeout, Timeout: 3 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	if b := balanceOf(t, r); b.Accepted != 300 || b.Counted != 200 || b.Lost != 0 || len(r.Windows) > 0 {
		t.Errorf("%+v, %v", b, r.Windows)
	}
	want := "no listener was connected to 1 of 3 channels when sending began, so that the books are without them"
	if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, want) || r.UnbalancedBecause != "no listener was connected to 1 of 3 channels when sending began" {
		t.Errorf("the books are not whole because %q, notes %q, want %q", r.UnbalancedBecause, notes, want)
	}
	check(t, r, "lost==0 gaps==0 behind==0", false)
}

// The last listener of a channel does not leave, since nobody else would be shown what is
// lost then.
func TestTheLastListenerStays(t *testing.T) {
	t.Parallel()
	for listeners, leave := range map[int]bool{2: false, 4: true} {
		s := startFaulty(t, faults{})
		r, err := loadgen.Run(t.Context(), loadgen.Config{
			Server: s.url, Rate: 200, Duration: time.Second, Connections: 4, Channels: 2, Listeners: listeners, Churn: 20,
			BalanceTimeout: longTimeout, Drain: longTimeout, Timeout: longTimeout,
		})
		if err != nil {
			t.Fatal(err)
		}
		if b := balanceOf(t, r); b.Counted != 200 || b.Lost > 0 || (r.Listeners.Left > 0) != leave {
			t.Errorf("%d listeners: %+v, %d left", listeners, b, r.Listeners.Left)
		}
	}
}
