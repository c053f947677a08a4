package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/text"
)

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// errWriter keeps the first error of many writes.
type errWriter struct {
	w   io.Writer
	err error
}

func (w *errWriter) Write(b []byte) (int, error) {
	if w.err == nil {
		_, w.err = w.w.Write(b)
	}
	return len(b), w.err
}

func (w *errWriter) lines(lines []string) { w.printf("%s\n", strings.Join(lines, "\n")) }

func (w *errWriter) printf(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// tellEvery is how often an audit that takes long says how far it is.
const progressInterval = 2 * time.Second

// told says on stderr how far the reading of a span is, when it takes long.
func readingProgress(out io.Writer) func(topicreader.Progress) {
	next := time.Now().Add(progressInterval)
	return func(p topicreader.Progress) {
		if now := time.Now(); now.After(next) {
			next = now.Add(progressInterval)
			_, _ = fmt.Fprintf(out, "reading: %s of %s\n", text.Thousands(p.Read), text.Plural(p.Known, "record"))
		}
	}
}

// tellGone says on stderr what retention took.
func printGone(out io.Writer, gone int64) {
	if gone > 0 {
		_, _ = fmt.Fprintf(out, "%s gone: retention removed them before they were read\n", text.Plural(gone, "record"))
	}
}
