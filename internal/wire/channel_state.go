package wire

import (
	"encoding/json"
	"fmt"

	"github.com/emostream/emostream/internal/text/quote"
)

// Open is the state of a channel that takes reactions, as every channel does of which
// nothing else is said.
const Open = "open"

// ChannelState says whether a channel takes reactions, and why not: the data of an event
// "state" of its streams.
type ChannelState struct {
	State   string `json:"state"`              // open, paused, closed or slowed
	PerUser string `json:"per_user,omitempty"` // how many reactions of a user a slowed channel takes
	Until   string `json:"until,omitempty"`    // when this ends by itself, RFC 3339; empty: it does not
	Reason  string `json:"reason,omitempty"`   // what people are told; may be empty
}

// maxStateText is how long a text in a channel's state may be, in bytes.
const maxStateText = 1 << 10

// DecodeChannelState decodes a channel's state.
func DecodeChannelState(b []byte) (ChannelState, error) {
	var s ChannelState
	if err := json.Unmarshal(b, &s); err != nil {
		return ChannelState{}, fmt.Errorf("state of a channel: %w", err)
	}
	switch s.State {
	case Open, "paused", "closed", "slowed":
	default:
		return ChannelState{}, fmt.Errorf("state of a channel: %s is none", quote.Text(s.State, 20))
	}
	if len(s.Reason) > maxStateText || len(s.Until) > maxStateText || len(s.PerUser) > maxStateText {
		return ChannelState{}, fmt.Errorf("state of a channel: more than %d bytes of text", maxStateText)
	}
	return s, nil
}
