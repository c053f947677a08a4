package tui_test

import (
	"testing"
	"time"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/tui"
)

// reading returns a reading of a clock that is ahead of this machine's by ahead, and
// shows its time in whole steps. The reading begins at noon plus after and takes rtt.
func reading(after, ahead, step, rtt time.Duration) client.ClockReading {
	asked := noon.Add(after)
	return client.ClockReading{Asked: asked, Answered: asked.Add(rtt), Server: asked.Add(rtt / 2).Add(ahead).Truncate(step), Within: step}
}

// The true offset is always within the error, and readings make the error smaller.
func TestServerClock(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"right": 0, "ahead": 350 * time.Millisecond, "behind": -90 * time.Second, "by an hour": time.Hour} {
		t.Run(name, func(t *testing.T) {
			var c tui.ServerClock
			if c.Known() || !c.TooRough() {
				t.Error("it is known before it was read")
			}
			now := noon
			for n := range 8 {
				c = c.Add(reading(now.Sub(noon), ahead, time.Second, 4*time.Millisecond))
				got, within := c.Offset()
				if (got - ahead).Abs() > within {
					t.Fatalf("after %d readings: %v within %v, want %v", n+1, got, within, ahead)
				}
				now = c.NextReading(now.Add(time.Second))
			}
			if c.TooRough() {
				_, within := c.Offset()
				t.Errorf("within %v after 8 readings of whole seconds", within)
			}
			c = c.Add(reading(now.Sub(noon), ahead, time.Millisecond, 2*time.Millisecond))
			if got, within := c.Offset(); (got-ahead).Abs() > within || within > 2*time.Millisecond {
				t.Errorf("after a reading of milliseconds: %v within %v, want %v", got, within, ahead)
			}
		})
	}
}

// After a clock was set, only the newest reading counts.
func TestServerClockIsSet(t *testing.T) {
	c := tui.ServerClock{}.Add(reading(0, 0, time.Millisecond, time.Millisecond)).Add(reading(time.Minute, time.Hour, time.Millisecond, time.Millisecond))
	if got, within := c.Offset(); (got - time.Hour).Abs() > within {
		t.Errorf("%v within %v", got, within)
	}
}

// The error grows with the time since the last reading.
func TestServerClockDrifts(t *testing.T) {
	c := tui.ServerClock{}.Add(reading(0, 0, time.Millisecond, time.Millisecond))
	c = c.Add(reading(time.Hour, 300*time.Millisecond, time.Second, time.Millisecond))
	if got, within := c.Offset(); (got - 300*time.Millisecond).Abs() > within {
		t.Errorf("after an hour of drift: %v within %v", got, within)
	}
	if c = c.Add(client.ClockReading{Asked: noon, Answered: noon}); !c.Known() {
		t.Error("an answer without a time makes it unknown")
	}
}
