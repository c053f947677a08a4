package loadgen

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// event is one event of a stream. It is decoded once for all listeners that are sent
// the same bytes.
type event struct {
	firstSeen time.Time // when the first listener received it
	id        string
	hasID     bool // if not, the listener's id stays as it is
	retry     time.Duration
	hasData   bool // if not, the event is not delivered

	revision *revision // the swarm of a main server; nil: there is none
	markers  []int64   // numbers of the requests whose markers are in an event of another service
}

// eventCache maps the hash of an event's bytes to the decoded event. It keeps the events
// of two generations, so that its memory does not grow with the length of a run: a
// listener that is further behind than a generation decodes its events again. It is safe
// for concurrent use.
type eventCache struct {
	seed       maphash.Seed
	young, old atomic.Pointer[generation]
	decode     func(e *event, name string, data []byte) // fills in revision or markers
}

// generation holds up to generationSize events.
type generation struct {
	byHash sync.Map // maps uint64 to *event
	size   atomic.Int64
}

const generationSize = 1 << 14

func newEventCache(decode func(e *event, name string, data []byte)) *eventCache {
	c := &eventCache{seed: maphash.MakeSeed(), decode: decode}
	c.young.Store(&generation{})
	c.old.Store(&generation{})
	return c
}

// get returns the event whose lines are frame, as cutFrame returns it. at is when it
// was read.
func (c *eventCache) get(frame []byte, at time.Time) *event {
	hash := maphash.Bytes(c.seed, frame)
	young := c.young.Load()
	if known, ok := young.byHash.Load(hash); ok {
		return known.(*event)
	}
	if known, ok := c.old.Load().byHash.Load(hash); ok {
		return known.(*event)
	}
	known, had := young.byHash.LoadOrStore(hash, c.parse(frame, at))
	if !had && young.size.Add(1) == generationSize {
		c.old.Store(young)
		c.young.Store(&generation{})
	}
	return known.(*event)
}

// parse decodes the lines of an event.
func (c *eventCache) parse(frame []byte, at time.Time) *event {
	e := &event{firstSeen: at}
	var name string
	var data []byte
	for len(frame) > 0 {
		line := frame
		if end := lineEnd(frame); end >= 0 {
			line, frame = frame[:end], frame[end+1:] // what is left of CRLF is an empty line, and says nothing
		} else {
			frame = nil
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "id":
			if bytes.IndexByte(value, 0) < 0 {
				e.id, e.hasID = string(value), true
			}
		case "event":
			name = string(value)
		case "retry":
			e.retry = cmp.Or(parseRetry(value), e.retry)
		case "data":
			if e.hasData {
				data = append(data, '\n')
			}
			data, e.hasData = append(data, value...), true
		}
	}
	if e.hasData = len(data) > 0; e.hasData {
		c.decode(e, name, data)
	}
	return e
}

// parseRetry returns the time that a retry: asks for, up to an hour; 0: none.
func parseRetry(value []byte) time.Duration {
	ms, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || ms < 0 {
		return 0
	}
	return time.Duration(min(ms, time.Hour.Milliseconds())) * time.Millisecond
}

// cutBetween takes the lines off b that stand in front of an event and say nothing of it:
// comments and retry:. A server sends them when they are due, without an event. So a
// retry: holds at once, a listener keeps nothing while its stream is quiet, and an event
// has the same bytes for all listeners. retry is the last that was asked for; 0: none.
func cutBetween(b []byte) (rest []byte, retry time.Duration) {
	for {
		b = bytes.TrimLeft(b, "\r\n") // empty lines, and what of them came later
		end := lineEnd(b)
		if end < 0 {
			return b, retry
		}
		value, isRetry := bytes.CutPrefix(b[:end], []byte("retry:"))
		if !isRetry && b[0] != ':' {
			return b, retry
		}
		if b = b[end:]; isRetry {
			retry = cmp.Or(parseRetry(bytes.TrimPrefix(value, []byte(" "))), retry)
		}
	}
}

// cutFrame cuts b after its first event. frame holds the lines of the event without the
// last line end; rest begins after the empty lines that follow. ok is false if b does
// not hold a whole event.
func cutFrame(b []byte) (frame, rest []byte, ok bool) {
	b = bytes.TrimLeft(b, "\r\n")
	for from := 0; ; {
		end := lineEnd(b[from:])
		if end < 0 {
			return nil, b, false
		}
		end += from
		from = end + 1
		if b[end] == '\r' && from < len(b) && b[from] == '\n' {
			from++
		}
		if from < len(b) && (b[from] == '\n' || b[from] == '\r') {
			return b[:end], bytes.TrimLeft(b[from:], "\r\n"), true
		}
	}
}

// lineEnd returns where the first line of b ends: at LF, or at CR, which LF may follow.
// It returns -1 if there is no end.
func lineEnd(b []byte) int {
	lf := bytes.IndexByte(b, '\n')
	if lf >= 0 {
		b = b[:lf]
	}
	if cr := bytes.IndexByte(b, '\r'); cr >= 0 {
		return cr
	}
	return lf
}
