// Package errno has the errors of sockets that the program distinguishes, for
// errors.Is. On Windows they have other numbers than in package syscall.
package errno
