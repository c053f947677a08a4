package main

import (
	"fmt"
	"io"
	"time"

	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/text"
)

// progressInterval is how often a command that reads for long prints its progress.
const progressInterval = 2 * time.Second

// readingProgress returns a function that prints on out how much of a range has been
// read, every progressInterval.
func readingProgress(out io.Writer) func(topicreader.Progress) {
	next := time.Now().Add(progressInterval)
	return func(p topicreader.Progress) {
		if now := time.Now(); now.After(next) {
			next = now.Add(progressInterval)
			_, _ = fmt.Fprintf(out, "reading: %s of %s\n", text.Thousands(p.Read), text.Plural(p.Known, "record"))
		}
	}
}

// printUnread prints what was not read of a topic.
func printUnread(out io.Writer, unread ...topicreader.Unread) {
	for _, u := range unread {
		if u.Open {
			_, _ = fmt.Fprintf(out, "%s of %s/%d not read, from offset %d on: they are behind a transaction of another program that is open\n",
				text.Plural(u.To-u.From, "record"), u.Topic, u.Partition, u.From)
			continue
		}
		_, _ = fmt.Fprintf(out, "%s of %s/%d passed over, from offset %d on: %s\n",
			text.Plural(u.To-u.From, "record"), u.Topic, u.Partition, u.From, text.Clean(u.Reason.Error()))
	}
}

// printGone prints how many records retention removed, if any.
func printGone(out io.Writer, gone int64) {
	if gone > 0 {
		_, _ = fmt.Fprintf(out, "%s gone: retention removed them before they were read\n", text.Plural(gone, "record"))
	}
}
