package fanout

import (
	"encoding/json"

	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
)

// channelState is the state of a channel, and the event that tells it. It never changes.
type channelState struct {
	wire.ChannelState
	event frame
}

func newChannelState(s wire.ChannelState) *channelState {
	data, err := json.Marshal(s)
	if err != nil {
		data = []byte("{}") // strings always marshal
	}
	return &channelState{s, newFrame(func(b []byte) []byte { return sse.AppendEvent(b, sse.Event{Name: "state", Data: data}) })}
}

// SetStates sets the states of the named channels; all others are open. Listeners that
// asked for signals are told when that is another state than before.
func (h *Hub) SetStates(states map[string]wire.ChannelState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	old := h.states
	h.states = make(map[string]*channelState, len(states))
	for name, s := range states {
		if was := old[name]; was != nil && was.ChannelState == s {
			h.states[name] = was
		} else {
			h.states[name] = newChannelState(s)
		}
	}
	for _, c := range h.channels {
		c.state.Store(h.state(c.name))
	}
}

// state returns the state of a channel. The caller holds h.mu.
func (h *Hub) state(channel string) *channelState {
	if s := h.states[channel]; s != nil {
		return s
	}
	return h.open
}
