package brokertest

import (
	"testing"

	"github.com/emostream/emostream/internal/broker"
)

// Folder returns an empty folder for the log of a broker. It skips the test on systems
// where the broker keeps its log in memory only.
func Folder(tb testing.TB) string {
	tb.Helper()
	if !broker.CanKeepLog {
		tb.Skip("on this system the embedded broker keeps no log in a folder")
	}
	return tb.TempDir()
}

// Folders returns the values of DataDir with which tests run: "", which keeps the log
// in memory, and an empty folder, where the broker can keep one.
func Folders(tb testing.TB) []string {
	tb.Helper()
	if !broker.CanKeepLog {
		return []string{""}
	}
	return []string{"", tb.TempDir()}
}
