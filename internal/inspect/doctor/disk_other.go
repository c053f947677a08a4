//go:build !linux && !darwin && !freebsd && !windows

package doctor

// freeBytes returns -1: on this system free space is not known.
func freeBytes(string) int64 { return -1 }
