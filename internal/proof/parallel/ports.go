package parallel

import (
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
)

// given is how many ports have been tried for the tests of this process.
var given atomic.Int64

// Ports finds n free ports in a row and returns the first. It gives no other test of the process the same ports. They
// lie below the ports that systems choose when a program asks for any port. So nobody takes them before the test
// listens on them, or while the test's own server is stopped.
func Ports(tb testing.TB, n int) (first int) {
	tb.Helper()
	const lowest, count = 15_000, 15_000
	for range 100 {
		// Test programs run at the same time. Each begins its search at a port that depends on its process id, so that
		// they do not take the same ports.
		at := (os.Getpid()*127 + int(given.Add(int64(n))) - n) % count
		if at+n <= count && free(lowest+at, n) {
			return lowest + at
		}
	}
	tb.Fatal("there are no free ports")
	return 0
}

func free(first, n int) bool {
	for port := first; port < first+n; port++ {
		ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return false
		}
		_ = ln.Close()
	}
	return true
}
