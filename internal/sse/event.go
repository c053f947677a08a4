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
	// received, they end in LF, and the slice belongs to the receiver.
	Data []byte
}

// AppendEvent appends one frame to dst. It leaves out an ID that contains a line break
// or NUL, and a Name that contains a line break: no ID is better than a wrong one, and
// a line break could forge further lines of the stream. It appends nothing for an Event
// without Data: that is none by the standard, but many libraries deliver it.
func AppendEvent(dst []byte, e Event) []byte {
	if len(e.Data) == 0 {
		return dst
	}
	if e.ID != "" && !strings.ContainsAny(e.ID, "\r\n\x00") {
		dst = appendField(dst, "id:", e.ID)
	}
	if e.Name != "" && !strings.ContainsAny(e.Name, "\r\n") {
		dst = appendField(dst, "event:", e.Name)
	}
	return append(appendLines(dst, "data:", e.Data), '\n')
}

// AppendComment appends a comment, which receivers skip. It is used as a keep-alive,
// which tells the receiver and all proxies on the way that the stream is alive. An empty
// text makes the shortest comment. Each line of text becomes a line of comment.
//
// No blank line follows, so that the comment stands in front of the next event. By the
// standard that changes nothing. But for a comment with a blank line many libraries
// deliver an event that is empty.
func AppendComment(dst []byte, text string) []byte {
	return appendLines(dst, ":", []byte(text))
}

// AppendRetry appends a line that asks listeners to wait this long before they
// reconnect, now and later. The time is sent in whole milliseconds, rounded up, and not
// sent if it is zero or less. Receivers obey the line at once. As after a comment, no
// blank line follows.
func AppendRetry(dst []byte, d time.Duration) []byte {
	if d <= 0 {
		return dst
	}
	ms := (d-1)/time.Millisecond + 1
	return appendField(dst, "retry:", strconv.FormatInt(int64(ms), 10))
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
