//go:build unix

package broker

import (
	"math"

	"golang.org/x/sys/unix"
)

// freeBytes returns how many bytes are free where a folder is; math.MaxInt64 if that is
// not known.
func freeBytes(dir string) int64 {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return math.MaxInt64
	}
	return int64(min(uint64(s.Bavail)*uint64(s.Bsize), math.MaxInt64)) //nolint:unconvert // the types differ between systems
}
