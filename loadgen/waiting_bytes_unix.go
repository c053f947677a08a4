//go:build !windows

package loadgen

import (
	"errors"
	"syscall"
)

// hasWaiting returns whether a socket has bytes to read, or has ended.
func hasWaiting(socket uintptr) bool {
	var b [1]byte
	_, _, err := syscall.Recvfrom(int(socket), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR)
}
