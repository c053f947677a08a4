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

// mostLines is how many lines of the log a dashboard can go back.
const maxLogLines = 500

// logRing keeps the newest lines of a log for a dashboard; older ones are gone.
type dashboardLog struct {
	mu     sync.Mutex
	lines  []tui.LogLine
	logged int
}

// logger returns a logger into the ring.
func (r *dashboardLog) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(r, &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			a.Value = slog.StringValue(a.Value.Time().Format(time.TimeOnly))
		}
		return a
	}}))
}

// Write takes in a line of the text handler: time, level, message, and the rest.
func (r *dashboardLog) Write(b []byte) (int, error) {
	text := strings.TrimSuffix(string(b), "\n")
	at, text := cutField(text, "time=")
	level, text := cutField(text, "level=")
	line := tui.LogLine{Time: at}
	_ = line.Level.UnmarshalText([]byte(level)) // info, if it cannot be read
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

// cutField takes a field without spaces from the front of a line.
func cutField(line, name string) (value, rest string) {
	value, rest, _ = strings.Cut(strings.TrimPrefix(line, name), " ")
	return value, rest
}

// newest returns the lines that are kept, and how many there have been.
func (r *dashboardLog) snapshot() ([]tui.LogLine, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.lines), r.logged
}
