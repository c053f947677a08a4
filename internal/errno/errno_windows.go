package errno

import "syscall"

// Winsock's own numbers: the syscall package's errors of these names are others.
const (
	Refused      = syscall.Errno(10061) // nobody listens there
	Reset        = syscall.Errno(10054) // the other end broke the connection off
	NoAddress    = syscall.Errno(10049) // no address, or no port, is left to connect from
	TooManyFiles = syscall.Errno(10024) // open in this process
)
