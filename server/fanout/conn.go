package fanout

import (
	"log/slog"
	"slices"
	"time"
)

// patience is how long a client may keep a frame waiting and still be told of
// every update after it; then it goes on with the newest window.
const patience = time.Second

// line carries a stream's bytes to one client. No method waits, and all are called
// under the lock of the connection's shard.
type line interface {
	// write gives the client as much of b as it has room for now, perhaps nothing:
	// the rest is to be given again, and nothing else before it. b must never
	// change. An error says that the client has left.
	write(b []byte) (n int, err error)
	// close ends the stream; at once, or else after what was written last.
	close(atOnce bool)
	// from is the client's address, for the log.
	from() string
}

// kind is a kind of stream.
type kind uint8

const (
	swarms  kind = iota // begins with the newest window, or with those that were missed
	singles             // the Python system's; begins with the next window
)

// show is what a kind of stream tells of an update; empty: nothing.
func (k kind) show(u update) frame {
	if k == singles {
		return u.taps
	}
	return u.swarm
}

// conn is one listener: a line to its client, and a cursor in its channel. It has
// no queue: all that it may yet have to tell is in memory that all share. It is
// guarded by its shard's lock. There are many of them, so it is small.
type conn struct {
	line  line
	feed  *feed
	rest  []byte        // of the frame that was begun
	owed  []frame       // windows to tell before any update
	told  uint64        // updates told or passed over
	last  int64         // the window that it saw last, when it came
	since time.Duration // when rest began to wait; times are by the server's clock
	wrote time.Duration // when the client was last given something
	place int           // in its shard; notListed once it has left
	kind  kind
	begun bool // it is told of windows
	plain bool // it is told without chunks: net/http makes them, or the client knows none
	late  bool // it kept a frame waiting for too long
}

const notListed = -1

// tally counts what happened to connections.
type tally struct{ delivered, skipped int }

// LogValue is what a log says of a connection, which costs nothing where nobody
// logs it.
func (c *conn) LogValue() slog.Value {
	return slog.GroupValue(slog.String("from", c.line.from()), slog.String("channel", c.feed.name), slog.Bool("singles", c.kind == singles))
}

// begin has the connection told of windows from now on.
func (c *conn) begin() {
	c.begun = true
	frames, sent := c.feed.missed(c.last)
	c.told = sent
	if c.kind == swarms {
		c.owed = frames
	}
}

// form is a frame as the client is given it.
func (c *conn) form(f frame) []byte {
	if c.plain {
		return f.bytes()
	}
	return f
}

// farewell is a frame as the last thing that the client is given.
func (c *conn) farewell(f frame) []byte {
	if c.plain {
		return f.bytes()
	}
	return append(slices.Clip(f), lastChunk...)
}

// waits reports whether the client has yet to take what it was given.
func (c *conn) waits() bool { return len(c.rest) > 0 }

// give begins with a frame, and goes on with what else there is to tell. Nothing
// may be waiting.
func (c *conn) give(b []byte, now time.Duration, t *tally) error {
	c.rest, c.since = b, now
	return c.advance(now, t)
}

// advance tells the client what it has not been told yet, for as long as it takes
// it. An error says that it has left.
func (c *conn) advance(now time.Duration, t *tally) error {
	for {
		if c.waits() {
			n, err := c.line.write(c.rest)
			c.rest = c.rest[n:]
			if err != nil || c.waits() {
				return err
			}
			c.late = c.late || now-c.since >= patience
			c.wrote = now
		}
		c.rest, c.since = c.next(t), now
		if !c.waits() {
			c.rest = nil // do not keep the frame
			return nil
		}
	}
}

// next is the frame that is to be told next; empty: there is none.
func (c *conn) next(t *tally) []byte {
	if len(c.owed) > 0 {
		b := c.form(c.owed[0])
		if c.owed = c.owed[1:]; len(c.owed) == 0 {
			c.owed = nil
		}
		return b
	}
	if !c.begun {
		return nil
	}
	n := c.feed.news.Load()
	behind := n.sent - c.told
	if behind > uint64(len(n.updates)) || c.late && behind > 1 {
		return c.skip(n, t)
	}
	c.late = false
	for _, u := range n.updates[len(n.updates)-int(behind):] {
		c.told++
		if b := c.kind.show(u); len(b) > 0 {
			t.delivered++
			return c.form(b)
		}
	}
	return nil
}

// skip passes over all updates that there are, to the newest window; in the stream
// of single emojis, to the next one.
func (c *conn) skip(n *news, t *tally) []byte {
	c.told, c.late = n.sent, false
	t.skipped++
	if c.kind == singles {
		return nil
	}
	t.delivered++
	return c.form(n.newest)
}
