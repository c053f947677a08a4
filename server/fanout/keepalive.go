package fanout

import (
	"slices"
	"time"
)

// keepAlive sends a comment to those of some listeners that would otherwise be sent
// nothing for longer than Config.KeepAlive: each listener is looked at only once in
// a round, so that the next look would be too late.
func (sh *shard) keepAlive(some []*listener, now time.Duration) {
	for _, l := range slices.Backward(some) {
		if l != nil && !l.isWaiting() && now+ticksPerRound*tick-l.lastWrite >= sh.server.cfg.KeepAlive { // nil: it has just been removed
			sh.afterWrite(l, l.send(l.encoded(sh.server.keepAliveComment), now, &sh.counts))
		}
	}
}
