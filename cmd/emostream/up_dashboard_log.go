package main

import (
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emostream/emostream/tui"
)

// maxLogLines is how many lines of the log a dashboard keeps: the newest.
const maxLogLines = 500

// dashboardLog keeps the newest lines of a log for a dashboard, and drops older ones.
type dashboardLog struct {
	mu     sync.Mutex
	lines  []tui.LogLine
	logged int
}

// logger returns a logger whose lines are kept.
func (r *dashboardLog) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(r, &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			a.Value = slog.StringValue(a.Value.Time().Format(time.TimeOnly))
		}
		return a
	}}))
}

// Write takes in a line of slog's text handler: time, level, message, attributes.
func (r *dashboardLog) Write(b []byte) (int, error) {
	text := strings.TrimSuffix(string(b), "\n")
	at, text := cutField(text, "time=")
	level, text := cutField(text, "level=")
	line := tui.LogLine{Time: at}
	_ = line.Level.UnmarshalText([]byte(level)) // stays info if it cannot be read
	text = strings.TrimPrefix(text, "msg=")
	if quoted, err := strconv.QuotedPrefix(text); err == nil {
		message, _ := strconv.Unquote(quoted)
		text = message + text[len(quoted):]
	}
	line.Text = text
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines[max(0, len(r.lines)-maxLogLines+1):], line)
	r.logged++
	return len(b), nil
}

// cutField cuts a field such as time=VALUE off the front of a line; name is its
// "time=". The value has no spaces.
func cutField(line, name string) (value, rest string) {
	value, rest, _ = strings.Cut(strings.TrimPrefix(line, name), " ")
	return value, rest
}

// snapshot returns the lines that are kept, and how many lines were logged in all.
func (r *dashboardLog) snapshot() ([]tui.LogLine, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.lines), r.logged
}
