package fanout

import (
	"strconv"
	"time"

	"github.com/emostream/emostream/internal/sse"
)

// ending is why a server ends a stream.
type ending string

const (
	stopping ending = "stopping" // the server stops
	busy     ending = "busy"     // too many come at once
	expired  ending = "expired"  // the ticket or token has run out
)

// farewell returns the last frame of a stream. It tells a client when to come back, and who
// asked for signals also why the stream ends, since a page cannot see a retry.
func farewell(why ending, wait time.Duration, signals bool) frame {
	return newFrame(func(b []byte) []byte {
		b = sse.AppendRetry(b, wait)
		if !signals {
			return b
		}
		data := strconv.AppendInt([]byte(`{"why":"`+string(why)+`","retry_ms":`), int64((wait-1)/time.Millisecond+1), 10) // rounded up, as retry is
		return sse.AppendEvent(b, sse.Event{Name: "farewell", Data: append(data, '}')})
	})
}
