package parallel_test

import (
	"net"
	"strconv"
	"testing"

	"github.com/emostream/emostream/internal/proof/parallel"
)

// Until all ports of the block have been given, Ports gives none twice, even if no test listens on it yet. It gives no
// port on which somebody listens.
func TestPorts(t *testing.T) {
	seen := map[int]bool{}
	for i := range 200 {
		n := 1 + i%3
		first := parallel.Ports(t, n)
		for port := first; port < first+n; port++ {
			if seen[port] {
				t.Errorf("port %d is given twice", port)
			}
			seen[port] = true
		}
		if i%50 == 0 {
			ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(first+n)))
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			seen[first+n] = true
		}
	}
}
