package fanout

import (
	"log/slog"
	"net/netip"
	"slices"
	"time"
)

// streamKind is a kind of stream.
type streamKind uint8

const (
	swarms       streamKind = iota // begins with the newest window, or with a replay
	singleEmojis                   // the Python system's; begins with the next window
)

// listener is one open event stream: a transport to its client, and a cursor into
// the updates of its channel. It has no queue: what it has yet to be sent is in
// memory that all listeners share. There are many listeners, so each is small. The
// lock of its shard guards it.
type listener struct {
	transport    transport
	channel      *channel
	from         netip.Addr    // whose share of the places it takes
	unsent       []byte        // the rest of the frame that is being written
	replay       []frame       // to be sent before any update
	replayUntil  time.Duration // when it skips the rest of replay
	state        *channelState // the last that it was told, if it asked for signals; nil: none yet
	cursor       uint64        // number of the last update that was sent, skipped or replayed
	lastSeen     int64         // end of the last window that it saw before it connected, or nothingSeen
	waitingSince time.Duration // when unsent was first offered; times are by Server.now
	lastWrite    time.Duration // when the client had last taken a whole frame
	until        time.Duration // when its ticket or token runs out; 0: never
	index        int           // in the shard's listeners; removed once it has left
	kind         streamKind
	live         bool // it is sent windows; false until the server knows the recent ones
	unchunked    bool // it is sent frames without their chunks: net/http adds its own, and HTTP/1.0 has none
	slow         bool // it kept a frame waiting for slowAfter
	signals      bool // it is told the state of its channel, and its keep-alive is an event, since a page cannot see comments
}

// removed is the index of a listener that has left its shard.
const removed = -1

// writeCounts count what happened to listeners, for the metrics.
type writeCounts struct{ delivered, skipped int }

// LogValue returns what a log shows of a listener. It is called only for messages that
// are logged.
func (l *listener) LogValue() slog.Value {
	return slog.GroupValue(slog.String("from", l.transport.remoteAddr()), slog.String("channel", l.channel.name), slog.Bool("singles", l.kind == singleEmojis))
}

// goLive sets the cursor and the replay. From then on the listener is sent windows.
func (l *listener) goLive(replayUntil time.Duration) {
	l.live, l.replayUntil = true, replayUntil
	frames, count := l.channel.replay(l.lastSeen)
	l.cursor = count
	if l.kind == swarms {
		l.replay = frames
	}
}

// encoded returns a frame as this client must be sent it.
func (l *listener) encoded(f frame) []byte {
	if l.unchunked {
		return f.bytes()
	}
	return f
}

// encodedLast returns a frame as this client must be sent it at the end of its stream.
func (l *listener) encodedLast(f frame) []byte {
	if l.unchunked {
		return f.bytes()
	}
	return append(slices.Clip(f), lastChunk...)
}

// isWaiting says whether the client has yet to take the rest of a frame.
func (l *listener) isWaiting() bool { return len(l.unsent) > 0 }

// send sends b, and then whatever else the listener has yet to be sent. The listener
// must not be waiting. An error means that the client has left.
func (l *listener) send(b []byte, now time.Duration, counts *writeCounts) error {
	l.unsent, l.waitingSince = b, now
	return l.advance(now, counts)
}

// advance sends what the listener has yet to be sent, for as long as its client
// takes it. An error means that the client has left.
func (l *listener) advance(now time.Duration, counts *writeCounts) error {
	for {
		if l.isWaiting() {
			n, err := l.transport.write(l.unsent)
			l.unsent = l.unsent[n:]
			if err != nil || l.isWaiting() {
				return err
			}
			l.slow = l.slow || now-l.waitingSince >= slowAfter
			l.lastWrite = now
		}
		l.unsent, l.waitingSince = l.next(now, counts), now
		if !l.isWaiting() {
			l.unsent = nil // so that the frame's memory can be freed
			return nil
		}
	}
}

// stateEvent returns the event that tells the state of the channel; empty: the listener
// knows it, or did not ask for it.
func (l *listener) stateEvent() []byte {
	if !l.signals || !l.live {
		return nil
	}
	state := l.channel.state.Load()
	if state == l.state {
		return nil
	}
	l.state = state
	return l.encoded(state.event)
}

// next moves the cursor on, and returns the next frame to be sent; empty: there is
// none.
func (l *listener) next(now time.Duration, counts *writeCounts) []byte {
	if b := l.stateEvent(); len(b) > 0 {
		return b
	}
	if len(l.replay) > 0 && (l.slow || now >= l.replayUntil) {
		l.replay = nil
		return l.skip(l.channel.updates.Load(), counts)
	}
	if len(l.replay) > 0 {
		b := l.encoded(l.replay[0])
		if l.replay = l.replay[1:]; len(l.replay) == 0 {
			l.replay = nil
		}
		return b
	}
	if !l.live {
		return nil
	}
	u := l.channel.updates.Load()
	behind := u.count - l.cursor
	if mustSkip(behind, u, l.slow) {
		return l.skip(u, counts)
	}
	l.slow = false
	for _, update := range u.latest[len(u.latest)-int(behind):] {
		l.cursor++
		f := update.swarm
		if l.kind == singleEmojis {
			f = update.singles
		}
		if b := l.encoded(f); len(b) > 0 {
			counts.delivered++
			return b
		}
	}
	return nil
}
