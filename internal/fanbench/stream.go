package fanbench

import (
	"bytes"
	"strconv"
	"time"
)

// Stream reads what a server answers: the head, then an event stream, in chunks
// or not. What is between chunks is taken for lines that mean nothing, which is
// right as long as no chunk ends within a line, and the stream's own lines end in
// LF; where that is not so, Malformed tells. The zero value is ready to read.
type Stream struct {
	Status    int           // 0 until it is known
	ID        []byte        // of the last event
	Retry     time.Duration // what the server asked for last; 0: nothing
	Ended     bool          // by an empty chunk: the connection may stay open
	Malformed int           // events and lines that could not be read

	body    bool // the head is over
	chunked bool
	partial []byte // a line that has not ended
	id      []byte // of the event that has not ended
	event   Event
	known   bool // the event has data
}

// maxLine is how long a line may be.
const maxLine = 1 << 16

// Reset makes the stream ready for the next answer to the same listener.
func (s *Stream) Reset() {
	*s = Stream{ID: s.ID, Retry: s.Retry, Malformed: s.Malformed, partial: s.partial[:0], id: s.id[:0]}
}

// Next takes lines from b until an event ends, or until there are no more; the
// beginning of a line is kept for the next call.
func (s *Stream) Next(b *[]byte) (e Event, ok bool) {
	for {
		line, rest, whole := bytes.Cut(*b, []byte("\n"))
		*b = rest
		if !whole {
			s.keep(line)
			return Event{}, false
		}
		if len(s.partial) > 0 {
			line = append(s.partial, line...)
			s.partial = line[:0]
		}
		if s.line(line) {
			return s.event, true
		}
	}
}

func (s *Stream) keep(line []byte) {
	if len(s.partial)+len(line) > maxLine {
		s.Malformed++
		s.partial = s.partial[:0]
		return
	}
	s.partial = append(s.partial, line...)
}

// line takes in a line, and says whether it ends an event.
func (s *Stream) line(line []byte) bool {
	line, crlf := bytes.CutSuffix(line, []byte("\r"))
	switch {
	case !s.body:
		s.head(line)
	case s.chunked && crlf:
		s.between(line)
	case len(line) == 0:
		return s.end()
	default:
		s.field(line)
	}
	return false
}

func (s *Stream) head(line []byte) {
	switch {
	case len(line) == 0:
		s.body = true
	case bytes.EqualFold(line, []byte("transfer-encoding: chunked")):
		s.chunked = true
	case s.Status == 0 && len(line) >= len("HTTP/1.1 200"):
		s.Status, _ = strconv.Atoi(string(line[9:12]))
	}
}

// between is what chunks begin and end with: nothing, or a size.
func (s *Stream) between(line []byte) {
	size, err := strconv.ParseUint(string(line), 16, 32)
	switch {
	case len(line) == 0:
	case err != nil:
		s.Malformed++
	default:
		s.Ended = s.Ended || size == 0
	}
}

func (s *Stream) field(line []byte) {
	if data, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
		if s.event, s.known = ParseEvent(data); !s.known {
			s.Malformed++
		}
	} else if id, ok := bytes.CutPrefix(line, []byte("id: ")); ok {
		s.id = append(s.id[:0], id...)
	} else if ms, ok := bytes.CutPrefix(line, []byte("retry: ")); ok {
		if n, err := strconv.Atoi(string(ms)); err == nil {
			s.Retry = time.Duration(n) * time.Millisecond
		}
	}
}

// end is the blank line. Only now does the id count: what is torn is not seen.
func (s *Stream) end() bool {
	if len(s.id) > 0 {
		s.ID, s.id = append(s.ID[:0], s.id...), s.id[:0]
	}
	known := s.known
	s.known = false
	return known
}
