package fanout

import (
	"time"

	"golang.org/x/sys/unix"
)

// setUserTimeout tells the system to close a connection whose client has acknowledged
// nothing for d. A phone, for example, can vanish without closing its connection.
// Without this it would count as a listener for a quarter of an hour.
func setUserTimeout(fd int, d time.Duration) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
}
