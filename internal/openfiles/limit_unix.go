//go:build unix

// Package openfiles finds out how many files this process may have open.
package openfiles

import "syscall"

// Limit returns how many files, connections included, this process may have open, or 0
// if that is not known. The Go runtime has raised it to the greatest value that the
// system allows, the hard limit.
func Limit() int64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return int64(min(limit.Cur, 1<<62))
}
