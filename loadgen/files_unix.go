//go:build unix

package loadgen

import "syscall"

// openFiles is how many files a process may have open; 0: unknown.
func openFiles() int64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return int64(min(limit.Cur, 1<<62))
}
