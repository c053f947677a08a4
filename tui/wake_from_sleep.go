package tui

import (
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/emostream/emostream/internal/text"
)

// sleepGap is the longest time between two frames of a machine that is awake. After a
// longer time, the machine has slept.
const sleepGap = 5 * time.Second

// afterSleep connects anew after the machine slept, since the open connections may be
// dead.
func (c Crowd) afterSleep(gap time.Duration) (Crowd, tea.Cmd) {
	c.clock = ServerClock{}
	c = c.notify(fmt.Sprintf("this machine slept for %s: connecting anew", text.Seconds(gap)), false)
	c, ask := c.poll()
	return c, tea.Batch(ask, c.reconnect())
}
