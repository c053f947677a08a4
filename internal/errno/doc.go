// Package errno names the errors of sockets that are told apart, for errors.Is, as
// each system has them.
package errno
