package fanout_test

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/emostream/emostream/server/fanout"
)

// What the system keeps for a listener is bounded on every way, and it closes the
// connection of one that has vanished: after the time of a shard, or twice that where it is
// the shard that shall tell why.
func TestSystemsBoundsOfStreams(t *testing.T) {
	for _, w := range []way{sockets(), {name: "TLS", protocols: []string{"http/1.1"}}, {name: "HTTP/2", protocols: []string{"h2"}}} {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			accepted := make(chan *net.TCPConn, 1)
			w.accepted = accepted
			n := w.start(t, newTopic(), fanout.Config{StallTimeout: 7 * time.Second})
			n.hear(t, "/v1/swarm", "")
			raw, err := (<-accepted).SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			var timeout, buffer int
			_ = raw.Control(func(fd uintptr) {
				timeout, _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
				buffer, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF)
			})
			want := 7000
			if w.protocols != nil {
				want *= 2
			}
			if timeout != want || buffer != 2*64<<10 { // the system doubles it
				t.Errorf("the system waits for %d ms, and keeps %d bytes", timeout, buffer)
			}
		})
	}
}
