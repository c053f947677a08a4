package fanout

import (
	"time"

	"golang.org/x/sys/unix"
)

// abandonAfter has the system give up a connection whose client has acknowledged
// nothing for a time: one that vanished without a word, as phones do, would
// otherwise be taken for present for a quarter of an hour.
func abandonAfter(fd int, d time.Duration) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
}
