// Package replay sends recorded reactions again, at the pace at which they came, or
// at another, and tells what became of each.
//
// It is an open loop: when a reaction is due follows from its recorded time alone; a
// late one does not delay the next. Reactions that are due together are sent together.
//
// Each reaction of the recording ends as accepted, refused (with the server's reason),
// in doubt (an answer is missing) or not written. Only those that were certainly not
// written are sent again.
//
// A few requests are held in memory, never the whole recording.
package replay

import (
	"context"
	"iter"

	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// Reaction is one of a recording: what, how often, and when.
type Reaction struct {
	wire.Reaction
	Count int   // 1 to 100
	At    int64 // ms since the Unix epoch
}

// Recording is reactions in the order in which they are to be sent. A *BadError
// stands for one that cannot be read; any other error is the last.
type Recording = iter.Seq2[Reaction, error]

// Records are the reactions among the records of emoji-topic.
func Records(records iter.Seq2[stream.Record, error]) Recording {
	return func(yield func(Reaction, error) bool) {
		for r, err := range records {
			var told wire.ReactionFields
			if err == nil {
				if told, err = wire.DecodeReactionFields(r.Value); err != nil {
					err = &BadError{err}
				}
			}
			out := reactionOf(told)
			out.At = r.Time
			if !yield(out, err) {
				return
			}
		}
	}
}

func reactionOf(t wire.ReactionFields) Reaction {
	return Reaction{Count: 1, Reaction: wire.Reaction{
		UserID: string(t.UserID), Emoji: string(t.Emoji), Timestamp: string(t.Timestamp), Channel: string(t.Channel),
	}}
}

// BadError is an entry of a recording that cannot be read; those after it can.
type BadError struct{ err error }

func (e *BadError) Error() string { return e.err.Error() }
func (e *BadError) Unwrap() error { return e.err }

// Only leaves out what a filter does not want.
func Only(f topicreader.Filter, from Recording) Recording {
	return func(yield func(Reaction, error) bool) {
		for r, err := range from {
			if err == nil && !f.Wants(r.Channel, r.Emoji) {
				continue
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// readAhead is how many reactions are read ahead of those being sent.
const readAhead = 2_000

// entry is what a recording yields.
type entry struct {
	Reaction
	err error
}

// read reads a recording ahead, until its end or that of ctx.
func read(ctx context.Context, from Recording, into chan<- entry) {
	defer close(into)
	for r, err := range from {
		select {
		case into <- entry{r, err}:
		case <-ctx.Done():
			return
		}
	}
}
