package errno

import "syscall"

// Winsock's own numbers: the syscall package's errors of these names are others.
const (
	InUse        = syscall.Errno(10048) // the address that was to be bound
	Denied       = syscall.Errno(10013) // binding it; also of a port that Windows keeps for others, or that is held exclusively
	Refused      = syscall.Errno(10061) // nobody listens there
	Reset        = syscall.Errno(10054) // the other end broke the connection off
	NoAddress    = syscall.Errno(10049) // no address, or no port, is left to connect from
	TooManyFiles = syscall.Errno(10024) // open in this process
)
