//go:build !windows

package errno

import "syscall"

// What the system says of sockets.
const (
	InUse        = syscall.EADDRINUSE    // the address that was to be bound
	Denied       = syscall.EACCES        // binding it
	Refused      = syscall.ECONNREFUSED  // nobody listens there
	Reset        = syscall.ECONNRESET    // the other end broke the connection off
	NoAddress    = syscall.EADDRNOTAVAIL // no address, or no port, is left to connect from
	TooManyFiles = syscall.EMFILE        // open in this process
)
