package fanout

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
)

// nothingSeen is the lastSeen of a listener that has seen no window.
const nothingSeen = -1

// lastEventID returns the Last-Event-ID of a client. One that opens a stream anew, such
// as a new EventSource, cannot set that header, and says it in the query. When it then
// reconnects by itself, the header has the newer id.
func lastEventID(h http.Header, query url.Values) string {
	return cmp.Or(h.Get("Last-Event-ID"), query.Get("last_event_id"), query.Get("lastEventId"))
}

// lastSeen returns the end of the last window that a listener saw, or nothingSeen. It
// reads it from the Last-Event-ID: the id of a swarm's event is the end of its window,
// in ms.
func lastSeen(lastEventID string) int64 {
	if end, err := strconv.ParseInt(lastEventID, 10, 64); err == nil && end >= 0 {
		return end
	}
	return nothingSeen
}

// replay returns the frames with which a listener of swarms begins, and the number of
// the last update that they include. A new listener begins with the newest window. One
// that comes back begins with all windows after the last that it saw. Windows that
// ended up to lateness before that one are sent again if they were revised.
func (c *channel) replay(lastSeen int64) (frames []frame, count uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	count = c.updates.Load().count
	if len(c.windows) == 0 {
		return nil, count
	}
	newest := c.windows[len(c.windows)-1]
	switch {
	case lastSeen == nothingSeen:
		return []frame{newest.frame}, count
	case lastSeen > newest.end: // an id of another installation, or made up
		return []frame{newest.withoutID()}, count
	}
	for _, w := range c.windows {
		switch {
		case w.end > lastSeen:
			frames = append(frames, w.frame)
		case w.revised && w.end > lastSeen-c.hub.lateness.Milliseconds():
			frames = append(frames, w.withoutID())
		}
	}
	return frames, count
}
