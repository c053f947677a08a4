package fanout

import (
	"slices"
	"time"
)

// A window is a snapshot, so a slow listener loses nothing that matters when it
// skips updates. What becomes of a listener that keeps a frame waiting:
//   - Until slowAfter it is sent every update.
//   - After that, or when the updates that it has yet to be sent are not kept any
//     more, it skips to the newest window.
//   - After Config.StallTimeout its stream is closed.
//
// A listener that is being sent a replay skips, too: when a frame of it waited for
// slowAfter, or the whole for StallTimeout. Else many that read slowly would hold many
// windows in memory that the hub has dropped.

// slowAfter is how long a listener may keep a frame waiting before it skips.
const slowAfter = time.Second

// replayUntil returns when a replay that begins now must be over.
func (s *Server) replayUntil() time.Duration { return s.now() + s.cfg.StallTimeout }

// mustSkip says whether a listener that is so many updates behind must skip.
func mustSkip(behind uint64, u *updates, slow bool) bool {
	return behind > uint64(len(u.latest)) || slow && behind > 1
}

// skip moves the cursor past all updates, and returns the newest window. In the
// stream of single emojis it returns nothing: that goes on with the next window.
func (l *listener) skip(u *updates, counts *writeCounts) []byte {
	l.cursor, l.slow = u.count, false
	counts.skipped++
	if l.kind == singleEmojis {
		return nil
	}
	counts.delivered++
	return l.encoded(u.newest)
}

// retryWaiting offers the listeners that keep a frame waiting the rest of it again,
// and closes the streams of those that have not taken a whole frame for StallTimeout.
func (sh *shard) retryWaiting(now time.Duration) {
	sh.anyWaiting = false
	for _, l := range slices.Backward(sh.listeners) {
		if !l.isWaiting() {
			continue
		}
		err := l.advance(now, &sh.counts)
		if err == nil && l.isWaiting() && now-l.waitingSince >= sh.server.cfg.StallTimeout {
			err = errStalled
		}
		sh.afterWrite(l, err)
	}
}
