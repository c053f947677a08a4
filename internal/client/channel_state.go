package client

import (
	"time"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
)

// ChannelText says in a few words that a channel takes fewer reactions than usual, until
// when and why. It is empty of a channel that is open.
func ChannelText(s wire.ChannelState, now time.Time) string {
	if s.State == wire.Open || s.State == "" {
		return ""
	}
	out := s.State
	if s.PerUser != "" {
		out += " to " + text.CleanCells(s.PerUser) + " for each user"
	}
	if until, err := time.Parse(time.RFC3339, s.Until); err == nil {
		layout := time.TimeOnly
		if until = until.In(now.Location()); until.Sub(now).Abs() > 12*time.Hour {
			layout = "Jan 2 " + time.TimeOnly
		}
		out += " until " + until.Format(layout)
	}
	if s.Reason != "" {
		out += ": " + text.CleanCells(s.Reason)
	}
	return out
}
