// Package sse is Server-Sent Events as Emostream uses them: frames are built
// here by the side that sends, and [Client] is the side that listens.
//
// The format is the one of the WHATWG HTML standard, section "Server-sent
// events": lines of "field: value", ended by a blank line. It has no lengths
// and no escapes, so all that protects a stream is that no value carries a line
// break. The encoder is therefore the only place that writes frames; it is pure
// (append to a slice, no state), so that a frame is encoded once and shared by
// every connection.
//
// A listener's connection breaks: servers restart, drain or vanish without a
// word. Client is a loop around one connection at a time: it asks where to
// connect, listens, and comes back with Last-Event-ID, no sooner than the server
// asked for, later and later while it is refused. Servers send comments to keep a
// connection alive, so that one on which nothing comes is dead, and is ended.
package sse

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// Event is one event of a stream.
type Event struct {
	// ID is where a listener resumes that has seen this event: it comes back as
	// Last-Event-ID. Sent: empty leaves the listener's ID as it is. Received: the
	// ID in force, which is an earlier event's when this one had none.
	ID string
	// Name is the event's type; empty is what browsers call "message".
	Name string
	// Data is the payload. Sent: its lines may end in LF, CR or CRLF. Received:
	// they end in LF, and the slice belongs to the receiver. A frame without Data
	// sets ID and Retry, but receivers do not deliver it.
	Data []byte
	// Retry asks the listener to wait this long before it reconnects, now and
	// later. Whole milliseconds, rounded up; zero or less says nothing. Never set
	// on a received event: [Client] obeys it.
	Retry time.Duration
}

// AppendEvent appends the bytes of one frame to dst. An ID or a Name that a line
// cannot carry (line breaks; NUL too in an ID, which receivers would ignore) is
// left out whole: no place to resume is better than a wrong one, and neither can
// smuggle a line into the stream. An empty Event appends nothing.
func AppendEvent(dst []byte, e Event) []byte {
	start := len(dst)
	if e.ID != "" && !strings.ContainsAny(e.ID, "\r\n\x00") {
		dst = appendField(dst, "id:", e.ID)
	}
	if e.Name != "" && !strings.ContainsAny(e.Name, "\r\n") {
		dst = appendField(dst, "event:", e.Name)
	}
	if e.Retry > 0 {
		ms := (e.Retry-1)/time.Millisecond + 1
		dst = appendField(dst, "retry:", strconv.FormatInt(int64(ms), 10))
	}
	if len(e.Data) > 0 {
		dst = appendLines(dst, "data:", e.Data)
	}
	if len(dst) == start {
		return dst
	}
	return append(dst, '\n')
}

// AppendComment appends a frame that receivers skip: a keep-alive, which tells them
// and all proxies between that the stream is alive. Empty text makes the shortest
// one. Several lines of text are several lines of comment.
func AppendComment(dst []byte, text string) []byte {
	return append(appendLines(dst, ":", []byte(text)), '\n')
}

// AppendRetry appends a frame that only sets how long to wait before
// reconnecting, as [Event.Retry] does.
func AppendRetry(dst []byte, d time.Duration) []byte {
	return AppendEvent(dst, Event{Retry: d})
}

// appendField writes one line. The space belongs to the format: receivers take
// away one, so a value that starts with a space keeps it.
func appendField[T string | []byte](dst []byte, field string, value T) []byte {
	dst = append(dst, field...)
	if len(value) > 0 {
		dst = append(dst, ' ')
		dst = append(dst, value...)
	}
	return append(dst, '\n')
}

// appendLines writes text as one line of field for each of its lines.
func appendLines(dst []byte, field string, text []byte) []byte {
	for {
		i := bytes.IndexAny(text, "\r\n")
		if i < 0 {
			return appendField(dst, field, text)
		}
		dst = appendField(dst, field, text[:i])
		if bytes.HasPrefix(text[i:], []byte("\r\n")) {
			i++
		}
		text = text[i+1:]
	}
}
