package parallel

import (
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
)

// given is how many ports this process has given to tests.
var given atomic.Int64

// Ports returns the first of n free ports of this machine, one after the other. No other test of the process is given them,
// and they are below those that systems choose for whoever asks for any port: nobody takes one before the test listens on
// it, or while what listens there is down.
func Ports(tb testing.TB, n int) (first int) {
	tb.Helper()
	const lowest, count = 15_000, 15_000
	for range 100 {
		// Test programs that run at the same time begin in different places.
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
