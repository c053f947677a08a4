package fanbench_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/fanbench"
)

const (
	head    = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
	chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
)

// event is the n-th event of a stream, with or without an id.
func event(n int, id string) string {
	if id != "" {
		id = "id: " + id + "\n"
	}
	return fmt.Sprintf("%sevent: swarm\ndata: {\"total\":%d,\"emojis\":[{\"emoji_count\":%d}]}\n\n", id, 1000*n, n)
}

// A stream says the same wherever the network cuts it in two.
func TestStream(t *testing.T) {
	for name, tt := range map[string]struct {
		bytes     string
		status    int
		events    string // their numbers
		id        string
		retry     time.Duration
		malformed bool
		ended     bool
	}{
		"nothing":             {bytes: ""},
		"half a head":         {bytes: "HTTP/1.1 200 OK\r\nContent-", status: 200},
		"a refusal":           {bytes: "HTTP/1.1 503 Service Unavailable\r\n\r\n{}\n", status: 503},
		"an old proxy's head": {bytes: "HTTP/1.0 200 OK\r\n\r\n", status: 200},
		"two events":          {bytes: head + event(1, "a") + event(2, "b"), status: 200, events: "1 2", id: "b"},
		"a torn event":        {bytes: head + event(1, "a") + strings.TrimSuffix(event(2, "b"), "\n"), status: 200, events: "1", id: "a"},
		"one without an id":   {bytes: head + event(1, "a") + event(2, ""), status: 200, events: "1 2", id: "a"},
		"time and comments":   {bytes: head + "retry: 1500\n\n:\n\n: hi\n\n" + event(3, "c"), status: 200, events: "3", id: "c", retry: 1500 * time.Millisecond},
		"lines ended by CRLF": {bytes: head + strings.ReplaceAll(event(1, "a"), "\n", "\r\n"), status: 200, events: "1", id: "a"},
		"chunks":              {bytes: chunked + "4c\r\n" + event(1, "a") + "\r\n98\r\n" + event(2, "b") + event(3, "c") + "\r\n0\r\n\r\n", status: 200, events: "1 2 3", id: "c", ended: true},
		"a chunk in a line":   {bytes: chunked + "4c\r\n" + strings.Replace(event(1, "a"), `"total":`, "\"to\r\n4c\r\ntal\":", 1), status: 200, id: "a", malformed: true},
		"a chunk in an event": {bytes: chunked + "6\r\nid: a\n\r\n46\r\n" + event(1, "") + "\r\n", status: 200, events: "1", id: "a"},
		"chunks, torn":        {bytes: chunked + "6\r\nid: a\n\r\n0\r\n\r\n", status: 200, ended: true},
		"data of another":     {bytes: head + "data: {}\n\n" + event(2, "b"), status: 200, events: "2", id: "b", malformed: true},
		"a line without end":  {bytes: head + strings.Repeat("x", 1<<16+1), status: 200, malformed: true},
	} {
		t.Run(name, func(t *testing.T) {
			for i := range min(len(tt.bytes)+1, 1000) {
				var s fanbench.Stream
				heard := hear(&s, tt.bytes[:i]) + hear(&s, tt.bytes[i:])
				if got := strings.TrimSpace(heard); got != tt.events || s.Status != tt.status || string(s.ID) != tt.id || s.Retry != tt.retry || s.Malformed > 0 != tt.malformed || s.Ended != tt.ended {
					t.Fatalf("cut after %d bytes: heard %q, %+v", i, got, s)
				}
			}
		})
	}
}

// hear returns the numbers of the events that bytes bring.
func hear(s *fanbench.Stream, bytes string) (numbers string) {
	for b := []byte(bytes); ; {
		e, ok := s.Next(&b)
		if !ok {
			return numbers
		}
		numbers += fmt.Sprint(e.Sequence, " ")
	}
}

// What a listener comes back with outlives its connection; what was torn does not.
func TestStreamReset(t *testing.T) {
	var s fanbench.Stream
	hear(&s, head+"retry: 20\n\n"+event(1, "a")+"id: b\ndata: {\"to")
	s.Reset()
	if s.Status != 0 || string(s.ID) != "a" || s.Retry != 20*time.Millisecond {
		t.Errorf("after the end: %+v", s)
	}
	if got := hear(&s, head+event(2, "")); got != "2 " || string(s.ID) != "a" || s.Malformed != 0 {
		t.Errorf("the next answer brings %q, %+v", got, s)
	}
}
