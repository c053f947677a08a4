//go:build linux || darwin || freebsd

package doctor

import "golang.org/x/sys/unix"

// freeBytes returns how many bytes this user can still write to the disk of a folder,
// or a negative number if that is not known.
func freeBytes(dir string) int64 {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return -1
	}
	return int64(min(uint64(s.Bavail)*uint64(s.Bsize), 1<<62)) //nolint:unconvert // the types of both fields differ between systems
}
