package controls

import (
	"log/slog"
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// changeLog writes at most a line a second, whatever is written to the topic. A line tells
// of the last of several changes, and how many they were.
type changeLog struct {
	to      *slog.Logger // nil: none
	written time.Time
	untold  int
	last    Control
	now     string // what the last one is now: its state, "ended" or "over"
}

// add takes in a change.
func (l *changeLog) add(c Control, is string, now time.Time) {
	if l.to == nil {
		return
	}
	l.untold++
	l.last, l.now = c, is
	l.flush(now)
}

// flush writes what was held back for a second.
func (l *changeLog) flush(now time.Time) {
	if l.to == nil || l.untold == 0 || now.Sub(l.written) < time.Second {
		return
	}
	line := []any{"kind", string(l.last.Kind), "name", l.last.Name, "is", l.now}
	if c := l.last; l.now == string(c.State) {
		if !c.Until.IsZero() {
			line = append(line, "until", wire.ControlTime(c.Until))
		}
		line = append(line, "reason", c.Reason, "set_by", c.SetBy)
	}
	l.to.Info("what is in force has changed", append(line, "changes", l.untold)...)
	l.written, l.untold = now, 0
}
