package errno

import "syscall"

// The errors of sockets, by Winsock's numbers. Package syscall has other numbers under
// these names.
const (
	InUse        = syscall.Errno(10048) // the address is bound already
	Denied       = syscall.Errno(10013) // the process may not bind the address; or Windows reserves the port, or it is held exclusively
	Refused      = syscall.Errno(10061) // nobody listens at the address
	Reset        = syscall.Errno(10054) // the other end broke the connection
	NoAddress    = syscall.Errno(10049) // no local address or port is left to connect from
	TooManyFiles = syscall.Errno(10024) // this process may not open more files
)
