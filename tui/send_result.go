package tui

import (
	"strings"
	"time"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/text"
)

// Sent is what became of a request.
type SendResult struct {
	Results         []client.Result
	Err             error
	Asked, Answered time.Time
}

// outcome is that of the i-th reaction.
func (s SendResult) outcome(i int) (client.Outcome, string) {
	switch {
	case s.Err != nil:
		return client.OutcomeOf(s.Err), causeIn(errorText(s.Err))
	case i >= len(s.Results):
		return client.InDoubt, "the server did not say"
	}
	return s.Results[i].Outcome(), causeIn(text.CleanCells(s.Results[i].Message))
}

// essence is the cause that a server's message names: what stands before it and what
// to do, the view says itself, in less room.
func causeIn(message string) string {
	_, cause, ok := strings.Cut(message, ", because ")
	if !ok {
		return message
	}
	cause, _, _ = strings.Cut(cause, ": ")
	return cause
}
