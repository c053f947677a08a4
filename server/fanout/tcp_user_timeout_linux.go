package fanout

import (
	"time"

	"golang.org/x/sys/unix"
)

// setUserTimeout has the system close a connection whose client has acknowledged
// nothing for d. Clients such as phones can vanish without closing; otherwise such a
// one would be counted as a listener for a quarter of an hour.
func setUserTimeout(fd int, d time.Duration) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
}
