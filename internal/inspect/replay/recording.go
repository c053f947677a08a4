// Package replay sends recorded reactions again, at the pace of the recording or
// another, and reports what became of them.
//
// It is an open loop: a reaction's recorded time alone decides when it is due, so one
// that is late does not delay the next. Reactions that are due together are sent
// together.
//
// Each reaction of the recording ends as accepted, refused (with the server's reason),
// in doubt (an answer is missing) or not written. Only those that were certainly not
// written are sent again.
//
// Memory holds a few requests, never the whole recording.
package replay

import (
	"context"
	"iter"

	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// Reaction is one reaction of a recording: what it is, how often it was sent, and when.
type Reaction struct {
	wire.Reaction
	Count int   // 1 to 100
	At    int64 // ms since the Unix epoch
}

// Recording yields reactions in the order in which they are to be sent. A *BadError
// stands for a reaction that cannot be read, and more may follow. After any other error
// nothing follows.
type Recording = iter.Seq2[Reaction, error]

// Records returns the recording in records of emoji-topic.
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

// BadError says that one entry of a recording cannot be read.
type BadError struct{ err error }

func (e *BadError) Error() string { return e.err.Error() }
func (e *BadError) Unwrap() error { return e.err }

// Only returns a recording without the reactions that a filter does not want.
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

// readAhead is how many reactions are read before they are due.
const readAhead = 2_000

// entry is one pair that a recording yields.
type entry struct {
	Reaction
	err error
}

// read reads a recording into a channel until its end, or until ctx ends, and closes
// the channel.
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
