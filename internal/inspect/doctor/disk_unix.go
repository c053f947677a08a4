//go:build linux || darwin || freebsd

package doctor

import "golang.org/x/sys/unix"

// freeBytes is how much room the disk of a folder has for this user; negative: not
// known.
func freeBytes(dir string) int64 {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return -1
	}
	return int64(min(uint64(s.Bavail)*uint64(s.Bsize), 1<<62)) //nolint:unconvert // their types differ from system to system
}
