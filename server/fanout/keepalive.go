package fanout

import (
	"slices"
	"time"
)

// keepAlive returns the keep-alive of a listener.
func (s *Server) keepAlive(l *listener) frame {
	if l.signals {
		return s.keepAliveEvent
	}
	return s.keepAliveComment
}

// keepAlive sends the keep-alive to those of the given listeners that would otherwise
// be sent nothing for longer than Config.KeepAlive. A listener is looked at once in a
// round, so keepAlive acts if the next round would be too late.
func (sh *shard) keepAlive(some []*listener, now time.Duration) {
	for _, l := range slices.Backward(some) {
		if l != nil && !l.isWaiting() && now+ticksPerRound*tick-l.lastWrite >= sh.server.cfg.KeepAlive { // nil: it has just been removed
			sh.afterWrite(l, l.send(l.encoded(sh.server.keepAlive(l)), now, &sh.counts))
		}
	}
}
