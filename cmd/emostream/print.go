package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/inspect/topicreader"
)

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

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

func (w *errWriter) printf(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// tellEvery is how often an audit that takes long says how far it is.
const tellEvery = 2 * time.Second

// plural is a number of things, as in "1 record" and "2,000 records".
func plural(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return thousands(n) + " " + thing + "s"
}

// thousands writes a number with commas.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// escapeControls escapes what JSON may hold as it is and a terminal must not get:
// DEL and the controls from U+0080 on, which can only stand in strings.
func escapeControls(line []byte) []byte {
	out := make([]byte, 0, len(line))
	for _, r := range string(line) { // what is no UTF-8 becomes U+FFFD
		if r >= 0x7f && r < 0xa0 {
			out = fmt.Appendf(out, `\u%04x`, r)
			continue
		}
		out = append(out, string(r)...)
	}
	return out
}

// printable keeps what a hostile server might send from reaching the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, s)
}

// told says on stderr how far the reading of a span is, when it takes long.
func told(out io.Writer) func(topicreader.Progress) {
	next := time.Now().Add(tellEvery)
	return func(p topicreader.Progress) {
		if now := time.Now(); now.After(next) {
			next = now.Add(tellEvery)
			_, _ = fmt.Fprintf(out, "reading: %s of %s\n", thousands(p.Read), plural(p.Known, "record"))
		}
	}
}

// tellGone says on stderr what retention took.
func tellGone(out io.Writer, gone int64) {
	if gone > 0 {
		_, _ = fmt.Fprintf(out, "%s gone: retention removed them before they were read\n", plural(gone, "record"))
	}
}
