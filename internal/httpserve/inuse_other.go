//go:build !windows

package httpserve

import (
	"errors"
	"syscall"
)

func isInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

// isReserved is about Windows alone.
func isReserved(error) bool { return false }
