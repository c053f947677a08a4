//go:build !windows

package loadgen_test

import (
	"io"
	"net"
	"runtime"
	"testing"

	"github.com/emostream/emostream/loadgen"
)

// What a server sends over a connection that rests, and how it ends it, is seen before it
// is read.
func TestWhatWaitsIsSeen(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(*net.TCPConn) error{
		"a byte":               func(c *net.TCPConn) error { _, err := io.WriteString(c, "x"); return err },
		"the end":              func(c *net.TCPConn) error { return c.Close() },
		"no more to come":      func(c *net.TCPConn) error { return c.CloseWrite() },
		"a reset":              func(c *net.TCPConn) error { _ = c.SetLinger(0); return c.Close() },
		"a byte, then the end": func(c *net.TCPConn) error { _, _ = io.WriteString(c, "x"); return c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			client, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			server, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			unread, spoils, err := loadgen.WatchWaiting(client)
			if err != nil {
				t.Fatal(err)
			}
			if waits, err := unread(); waits || err != nil || spoils() {
				t.Errorf("before the server did anything: %t, %v", waits, err)
			}
			if err := act(server.(*net.TCPConn)); err != nil {
				t.Fatal(err)
			}
			for waits, err := unread(); !waits; waits, err = unread() { // until it has come
				if err != nil {
					t.Fatal(err)
				}
				runtime.Gosched()
			}
			if waits, err := unread(); !waits || err != nil || !spoils() {
				t.Errorf("after it: %t, %v", waits, err)
			}
		})
	}
}
