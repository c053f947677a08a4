package brokertest

import (
	"testing"

	"github.com/emostream/emostream/internal/broker"
)

// Folder is an empty folder for a log. Where the broker keeps none, the test is
// skipped.
func Folder(tb testing.TB) string {
	tb.Helper()
	if !broker.CanKeepLog {
		tb.Skip("on this system the embedded broker keeps no log in a folder")
	}
	return tb.TempDir()
}

// Folders are the ways in which the broker keeps its log here: in memory (""), and,
// where it can, in an empty folder.
func Folders(tb testing.TB) []string {
	tb.Helper()
	if !broker.CanKeepLog {
		return []string{""}
	}
	return []string{"", tb.TempDir()}
}
