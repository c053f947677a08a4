// Package sse sends and receives Server-Sent Events: it has the functions that build
// frames, and [Client], which listens.
//
// The format is that of the WHATWG HTML standard, section "Server-sent events": lines
// of "field: value", ended by a blank line. It has no lengths and no escapes. A stream
// is therefore safe only if no value contains a line break, and only the functions of
// this package write frames. They are pure: they append to a slice and keep no state.
// So a frame is encoded once and all connections share it.
//
// A listener's connection breaks now and then: servers restart, drain or vanish without
// notice. Client keeps one connection at a time. It asks where to connect, listens, and
// comes back with Last-Event-ID. It waits at least as long as the server asked for, and
// longer after each refusal. Servers send keep-alives, so a connection on which nothing
// arrives is dead, and Client ends it.
package sse

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// Event is one event of a stream.
type Event struct {
	// ID tells the server where to resume: a listener that reconnects sends the last ID
	// it got as Last-Event-ID. When sent, an empty ID leaves the listener's ID as it
	// is. When received, it is the last ID of the stream so far, perhaps that of an
	// earlier event.
	ID string
	// Name is the event's type. Browsers call an event with an empty Name "message".
	Name string
	// Data is the payload. When sent, its lines may end in LF, CR or CRLF. When
	// received, they end in LF, and the slice belongs to the receiver. A frame without
	// Data sets ID and Retry, but receivers do not deliver it.
	Data []byte
	// Retry asks the listener to wait this long before it reconnects, now and later. It
	// is sent in whole milliseconds, rounded up, and not sent if it is zero or less. It
	// is never set on a received event: [Client] obeys it.
	Retry time.Duration
}

// AppendEvent appends one frame to dst. It leaves out an ID that contains a line break
// or NUL, and a Name that contains a line break: no ID is better than a wrong one, and
// a line break could forge further lines of the stream. It appends nothing for an empty
// Event.
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

// AppendComment appends a frame that receivers skip. It is used as a keep-alive, which
// tells the receiver and all proxies on the way that the stream is alive. An empty text
// makes the shortest comment. Each line of text becomes a line of comment.
func AppendComment(dst []byte, text string) []byte {
	return append(appendLines(dst, ":", []byte(text)), '\n')
}

// AppendRetry appends a frame that only sets how long to wait before
// reconnecting, as [Event.Retry] does.
func AppendRetry(dst []byte, d time.Duration) []byte {
	return AppendEvent(dst, Event{Retry: d})
}

// appendField appends one line. Receivers remove one space before the value, so a value
// that begins with a space keeps it.
func appendField[T string | []byte](dst []byte, field string, value T) []byte {
	dst = append(dst, field...)
	if len(value) > 0 {
		dst = append(dst, ' ')
		dst = append(dst, value...)
	}
	return append(dst, '\n')
}

// appendLines appends one line of field for each line of text.
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
