package fanout

import (
	"context"
	"time"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/wire"
)

// controlsInterval is how long a change of the controls waits at most for another one.
const controlsInterval = 100 * time.Millisecond

// obey does what the controls in force say, until ctx ends.
func (s *Server) obey(ctx context.Context) {
	for {
		changed := s.cfg.Controls.Changed() // asked for before they are read, so that no change is missed
		s.applyControls(time.Now())
		if sleep.For(ctx, controlsInterval) != nil { // many changes at once are one
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// applyControls does what the controls that are in force at now say.
func (s *Server) applyControls(now time.Time) {
	states := map[string]wire.ChannelState{}
	for _, c := range s.cfg.Controls.All(now, controls.Channel) {
		states[c.Name] = stateOf(c)
	}
	s.hub.SetStates(states)
	s.wakeShards()
	s.hub.Hide(s.cfg.Controls.Hidden(now), s.wakeShards)
}

// stateOf returns what listeners are told of a control of their channel.
func stateOf(c controls.Control) wire.ChannelState {
	s := wire.ChannelState{State: string(c.State), Reason: c.Reason}
	if c.State == controls.Slowed {
		s.PerUser = c.PerUser.Text()
	}
	if !c.Until.IsZero() {
		s.Until = wire.ControlTime(c.Until)
	}
	return s
}
