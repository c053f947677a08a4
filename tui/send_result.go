package tui

import (
	"strings"
	"time"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/text"
)

// SendResult is the result of a request: either an error, or a result for each
// reaction.
type SendResult struct {
	Results         []client.Result
	Err             error
	Asked, Answered time.Time
}

// outcome returns the outcome of the i-th reaction, and the reason if it was not
// accepted.
func (s SendResult) outcome(i int) (client.Outcome, string) {
	switch {
	case s.Err != nil:
		return client.OutcomeOf(s.Err), causeIn(errorText(s.Err))
	case i >= len(s.Results):
		return client.InDoubt, "the server did not say"
	}
	return s.Results[i].Outcome(), causeIn(text.CleanCells(s.Results[i].Message))
}

// causeIn returns CAUSE from a server's message of the form "..., because CAUSE:
// ADVICE". The view says the rest itself in fewer words. It returns any other message
// unchanged.
func causeIn(message string) string {
	_, cause, ok := strings.Cut(message, ", because ")
	if !ok {
		return message
	}
	cause, _, _ = strings.Cut(cause, ": ")
	return cause
}
