// Package errno has the errors of sockets that the program tells apart, for
// errors.Is. Windows has numbers of its own for them.
package errno
