package tui

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

// BenchLines writes the progress of a load test as lines, for logs and pipes. It is not
// safe for concurrent use.
type BenchLines struct {
	Out  io.Writer
	last time.Duration
	seen loadgen.Phase
}

// Show writes a line if the phase has changed or a second has passed since the last
// line.
func (l *BenchLines) Show(s loadgen.Snapshot) {
	if s.Phase == l.seen && s.Elapsed-l.last < time.Second && s.Elapsed >= l.last {
		return
	}
	l.seen, l.last = s.Phase, s.Elapsed.Truncate(time.Second)
	_, _ = fmt.Fprintln(l.Out, BenchLine(s))
}

// BenchLine returns a snapshot as one line.
func BenchLine(s loadgen.Snapshot) string {
	b := Bench{snapshot: s}
	if s.Phase != loadgen.Sending || s.Elapsed < time.Second {
		return fmt.Sprintf("%s: %d of %d listeners", s.Phase, s.Listeners, s.Wanted)
	}
	requests, streams := failedOf(s)
	line := fmt.Sprintf("%s: %s %s, ack p50 %s p99 %s, %s listeners", b.elapsed(), text.Rate(s.Reached), b.asked(), text.Millis(s.AckP50), text.Millis(s.AckP99), text.Thousands(int64(s.Listeners)))
	if requests > 0 {
		line += ", " + text.Thousands(requests) + " requests failed"
	}
	if streams > 0 {
		line += ", " + text.Thousands(streams) + " streams failed"
	}
	return line
}

// failedOf returns how many requests and how many streams have failed.
func failedOf(s loadgen.Snapshot) (requests, streams int64) {
	for kind, n := range s.Errors {
		if strings.HasPrefix(kind, report.StreamError) {
			streams += n
		} else {
			requests += n
		}
	}
	return requests, streams
}
