package fanout

import (
	"errors"
	"slices"
	"sync"
	"time"
)

const (
	tick          = 100 * time.Millisecond
	ticksPerRound = 10 // each listener is looked at in one of them
)

// Why streams end.
var (
	errLeft    = errors.New("it left")
	errStalled = errors.New("it did not read")
	errTalks   = errors.New("it sends what nobody asked for")
	errDrained = errors.New("the server is stopping")
	errExpired = errors.New("its ticket or token has run out")
)

// shard serves a share of the listeners. One goroutine writes to all of them and
// waits for none. It writes when there are updates, and with every tick it
//   - offers again what clients did not take (slow_listeners.go),
//   - finds listeners that have left (disconnects_*.go),
//   - ends streams whose ticket or token has run out (admission.go),
//   - keeps quiet streams alive (keepalive.go),
//   - and lets listeners go when the server drains (drain.go).
//
// For the second to fourth a tick looks at a tenth of the listeners, so that the work
// is spread over time.
//
// The goroutine runs while there are listeners.
type shard struct {
	server  *Server
	updated chan struct{} // capacity 1: there may be updates to write

	// mu is locked by the exported methods and by pass. The other methods are called
	// with it held.
	mu          sync.Mutex
	listeners   []*listener
	anyWaiting  bool          // some listener may be waiting
	encodings   int64         // Hub.encodings, when the listeners' replays were taken from it
	unseen      int           // how many listeners of this round have yet to be looked at: those before this index
	draining    *draining     // nil: the server goes on
	ended       chan struct{} // closed when the goroutine has ended; nil while there is none
	disconnects disconnects
	counts      writeCounts
}

func newShard(s *Server) *shard { return &shard{server: s, updated: make(chan struct{}, 1)} }

// Wake tells the goroutine to write what is new. It does not wait, and needs no lock.
func (sh *shard) Wake() {
	select {
	case sh.updated <- struct{}{}:
	default: // it has been told already
	}
}

// Add takes a listener in. Its client is sent head and the beginning of the stream
// and, if the server knows the recent windows, its replay.
func (sh *shard) Add(l *listener, head []byte) {
	sh.mu.Lock()
	defer sh.unlock()
	l.index = len(sh.listeners)
	sh.listeners = append(sh.listeners, l)
	if sh.ended == nil {
		sh.ended = make(chan struct{})
		go sh.run(sh.ended)
	}
	if err := sh.disconnects.add(l); err != nil {
		sh.remove(l, err)
		return
	}
	first := append(head, l.encoded(sh.server.retry)...)
	if sh.server.isFilled() {
		l.goLive(sh.server.replayUntil())
		first = append(first, l.stateEvent()...)
		if len(l.replay) > 0 {
			first, l.replay = append(first, l.encoded(l.replay[0])...), l.replay[1:] // in the same write
		}
	}
	sh.afterWrite(l, l.send(first, sh.server.now(), &sh.counts))
}

// Written sends a listener what comes next, after its transport has written a frame.
func (sh *shard) Written(l *listener, t *httpTransport) {
	sh.mu.Lock()
	defer sh.unlock()
	t.written = true
	if l.index != removed {
		sh.afterWrite(l, l.advance(sh.server.now(), &sh.counts))
	}
}

// Leave removes a listener whose client has left.
func (sh *shard) Leave(l *listener) {
	sh.mu.Lock()
	defer sh.unlock()
	if l.index != removed {
		sh.remove(l, errLeft)
	}
}

func (sh *shard) unlock() {
	sh.server.metrics.add(&sh.counts)
	sh.mu.Unlock()
}

func (sh *shard) run(ended chan struct{}) {
	defer close(ended)
	t := time.NewTicker(tick)
	defer t.Stop()
	for more := true; more; {
		select {
		case <-sh.updated:
			more = sh.pass(sh.writeUpdates)
		case <-t.C:
			more = sh.pass(sh.onTick)
		}
	}
}

// pass calls do, lets listeners go if the shard drains, and returns whether any are
// left. If none are, the goroutine must end.
func (sh *shard) pass(do func(now time.Duration)) (more bool) {
	sh.mu.Lock()
	defer sh.unlock()
	do(sh.server.now())
	if sh.draining != nil {
		sh.letGo(sh.server.now())
	}
	if len(sh.listeners) == 0 {
		sh.disconnects.close()
		sh.ended = nil
		return false
	}
	return true
}

// writeUpdates sends all listeners what is new, except those that have yet to take
// an earlier frame.
func (sh *shard) writeUpdates(now time.Duration) {
	filled, arrived := sh.server.isFilled(), time.Time{}
	encodings := sh.server.hub.encodings.Load()
	encodedAnew := encodings != sh.encodings
	sh.encodings = encodings
	for _, l := range slices.Backward(sh.listeners) { // backward, since remove moves the last one
		if !l.live && filled {
			l.goLive(sh.server.replayUntil()) // even if it is waiting: it must not miss what comes from now on
		} else if encodedAnew && len(l.replay) > 0 {
			l.goLive(l.replayUntil)
		}
		if l.isWaiting() {
			continue
		}
		if u := l.channel.updates.Load(); l.live && u.count > l.cursor {
			arrived = u.arrived
		}
		sh.afterWrite(l, l.advance(now, &sh.counts))
	}
	if !arrived.IsZero() {
		sh.server.metrics.delivery.Observe(time.Since(arrived).Seconds())
	}
}

func (sh *shard) onTick(now time.Duration) {
	if sh.anyWaiting {
		sh.retryWaiting(now)
	}
	some := sh.someOfRound()
	for l, why := range sh.disconnects.among(some) {
		sh.remove(l, why)
	}
	sh.endExpired(some, now)
	sh.keepAlive(some, now)
}

// someOfRound returns the listeners to look at in this tick. It goes backward through
// the listeners, since remove moves the last one.
func (sh *shard) someOfRound() []*listener {
	if sh.unseen == 0 || sh.unseen > len(sh.listeners) {
		sh.unseen = len(sh.listeners)
	}
	end := sh.unseen
	sh.unseen = max(0, end-(len(sh.listeners)+ticksPerRound-1)/ticksPerRound)
	return sh.listeners[sh.unseen:end]
}

// afterWrite must be called after every attempt to write. It removes the listener if
// there was an error.
func (sh *shard) afterWrite(l *listener, err error) {
	if err != nil {
		sh.remove(l, err)
	} else if l.isWaiting() {
		sh.anyWaiting = true
	}
}

// remove ends a stream and takes its listener out of the shard.
func (sh *shard) remove(l *listener, why error) {
	last := sh.listeners[len(sh.listeners)-1]
	sh.listeners[l.index], last.index = last, l.index
	sh.listeners[len(sh.listeners)-1] = nil
	sh.listeners = sh.listeners[:len(sh.listeners)-1]
	l.index = removed
	sh.disconnects.remove(l)
	if errors.Is(why, errStalled) {
		sh.server.metrics.stalled.Inc()
	}
	sh.server.disconnected(l, why)
	l.transport.close(l.isWaiting() || !errors.Is(why, errDrained) && !errors.Is(why, errExpired))
	if len(sh.listeners) == 0 {
		sh.Wake() // so that the goroutine ends
	}
}
