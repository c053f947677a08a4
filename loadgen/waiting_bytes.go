package loadgen

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// waiting tells whether something waits to be read from a connection on which no answer
// is due.
type waiting struct {
	conn net.Conn
	raw  syscall.RawConn
	look func(socket uintptr) bool // sets any; made once, because it is called for each request
	any  bool
	byte [1]byte
}

// watch begins to watch conn.
func (w *waiting) watch(conn net.Conn) error {
	w.conn = conn
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	var err error
	w.raw, err = conn.(syscall.Conn).SyscallConn()
	if w.look == nil {
		w.look = func(socket uintptr) bool {
			w.any = hasWaiting(socket)
			return true
		}
	}
	return err
}

// unread returns whether bytes, or the end of the connection, wait to be read. Unlike
// spoils it may be called while the connection is read.
func (w *waiting) unread() (bool, error) {
	unread := false
	err := w.raw.Control(func(socket uintptr) { unread = hasWaiting(socket) })
	return unread, err
}

// ticketWait is how long a read waits for more than a session ticket.
const ticketWait = 200 * time.Microsecond

// spoils returns whether the connection has ended, or bytes wait on it.
func (w *waiting) spoils() bool {
	w.any = false
	if err := w.raw.Read(w.look); err != nil || !w.any {
		return err != nil
	}
	secure, ok := w.conn.(*tls.Conn)
	if !ok {
		return true
	}
	// What waits may belong to TLS itself, such as a session ticket.
	if secure.SetReadDeadline(time.Now().Add(ticketWait)) != nil {
		return true
	}
	n, err := secure.Read(w.byte[:])
	return n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) || secure.SetReadDeadline(time.Time{}) != nil
}
