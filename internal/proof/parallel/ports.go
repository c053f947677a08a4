package parallel

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"testing"
)

// Ports returns the first of n free ports that follow one another. No other test gets the same ports, neither in this
// process, until all ports of its block have been given, nor in another process that calls Ports. They lie below the ports
// that systems choose when a program asks for any port. So nobody takes one before the test listens on it, or while the
// test's own server is stopped.
func Ports(tb testing.TB, n int) (first int) {
	tb.Helper()
	b, err := ownBlock()
	if err != nil {
		tb.Fatal(err)
	}
	return b.take(tb, n)
}

// The ports are divided into blocks, each of which belongs to one process.
const (
	lowestPort = 15_000
	blockSize  = 1_000
	blocks     = 15
)

// portBlock is the block of ports that belongs to this process.
type portBlock struct {
	first int
	held  net.Listener // on first; kept here, since one that is garbage collected is closed

	mu   sync.Mutex
	next int
}

// ownBlock returns this process's block. It listens on the block's first port, and never stops: that tells other processes
// that the block is taken.
//
//nolint:gochecknoglobals // one block for the whole process, whoever in it asks
var ownBlock = sync.OnceValues(func() (*portBlock, error) {
	for i := range blocks {
		first := lowestPort + i*blockSize
		if held, err := listen(first); err == nil {
			return &portBlock{first: first, held: held, next: first + 1}, nil
		}
	}
	return nil, errors.New("no block of ports is free")
})

// take returns the first of n free ports in a row. When all ports of the block have been given, it begins again at the
// start, and gives ports that are free by then.
func (b *portBlock) take(tb testing.TB, n int) int {
	tb.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for range 2 * blockSize {
		if b.next+n > b.first+blockSize {
			b.next = b.first + 1
		}
		port := b.next
		if used := lastUsed(port, n); used >= 0 {
			b.next = used + 1
			continue
		}
		b.next += n
		return port
	}
	tb.Fatal("there are no free ports")
	return 0
}

// lastUsed returns the greatest of the n ports from first on on which somebody listens; -1 if there is none.
func lastUsed(first, n int) int {
	for port := first + n - 1; port >= first; port-- {
		ln, err := listen(port)
		if err != nil {
			return port
		}
		_ = ln.Close()
	}
	return -1
}

func listen(port int) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}
