package fanout

import (
	"slices"
	"time"
)

// minDrained is how many listeners a draining shard lets go in a tick at least.
const minDrained = 32

// Drain closes all streams, spread over DrainSpread, and returns when the last one is
// closed. The streams of listeners that come after that are closed at once.
func (s *Server) Drain() {
	for _, sh := range s.shards {
		defer func(ended <-chan struct{}) { <-ended }(sh.Drain(s.cfg.DrainSpread))
	}
}

// draining says how fast a shard drains.
type draining struct {
	perTick int           // listeners to let go in a tick
	until   time.Duration // when a listener is let go even in the middle of a frame; by Server.now
}

// Drain begins to let all listeners go. The channel that it returns is closed when the
// last one has left.
func (sh *shard) Drain(spread time.Duration) <-chan struct{} {
	sh.mu.Lock()
	defer sh.unlock()
	if sh.draining == nil {
		share := int(int64(len(sh.listeners))*int64(tick)/int64(spread)) + 1
		sh.draining = &draining{perTick: max(share, minDrained), until: sh.server.now() + spread + time.Second}
	}
	if sh.ended == nil {
		ended := make(chan struct{})
		close(ended)
		return ended
	}
	sh.Wake()
	return sh.ended
}

// letGo closes the streams of some listeners, and tells each when to come back. A
// listener in the middle of a frame is let go later, and is then told nothing.
func (sh *shard) letGo(now time.Duration) {
	left := sh.draining.perTick
	for _, l := range slices.Backward(sh.listeners) {
		switch {
		case left == 0:
			return
		case !l.isWaiting():
			// Whatever the client does not take of this at once is lost.
			_, _ = l.transport.write(l.encodedLast(sh.server.comeBackLater(stopping, l.signals)))
		case now < sh.draining.until:
			continue // in the middle of a frame
		}
		sh.remove(l, errDrained)
		left--
	}
}
