//go:build unix

// Package openfiles knows how many files this process may have open at once.
package openfiles

import "syscall"

// Limit is how many files this process may have open, connections included; 0: not
// known. Go has raised it as far as the system lets every process, the hard limit.
func Limit() int64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return int64(min(limit.Cur, 1<<62))
}
