//go:build !windows

package errno

import "syscall"

// The errors of sockets.
const (
	InUse        = syscall.EADDRINUSE    // the address is bound already
	Denied       = syscall.EACCES        // the process may not bind the address
	Refused      = syscall.ECONNREFUSED  // nobody listens at the address
	Reset        = syscall.ECONNRESET    // the other end broke the connection
	NoAddress    = syscall.EADDRNOTAVAIL // no local address or port is left to connect from
	TooManyFiles = syscall.EMFILE        // this process may not open more files
)
