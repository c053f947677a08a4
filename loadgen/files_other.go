//go:build !unix

package loadgen

// openFiles is how many files a process may have open; 0: unknown.
func openFiles() int64 { return 0 }
