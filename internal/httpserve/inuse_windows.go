package httpserve

import (
	"errors"
	"syscall"
)

// Winsock's own numbers: the syscall package's errors of these names are others.
const (
	wsaEACCES     = syscall.Errno(10013)
	wsaEADDRINUSE = syscall.Errno(10048)
)

func isInUse(err error) bool { return errors.Is(err, wsaEADDRINUSE) }

// isReserved reports whether the port is in a range that Windows keeps for
// others, or held exclusively.
func isReserved(err error) bool { return errors.Is(err, wsaEACCES) }
