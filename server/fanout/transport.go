package fanout

// transport carries the bytes of a stream to one client. Its methods never wait, and
// are called with the lock of the listener's shard held. There are two: a socket of
// its own, on plain HTTP/1.1, and net/http for everything else.
type transport interface {
	// write gives the client as much of b as it takes now, which may be nothing. The
	// caller must give the rest again before anything else, and must never change b.
	// An error means that the client has left.
	write(b []byte) (n int, err error)
	// close ends the stream. If atOnce, what the client has yet to take is dropped;
	// else it is still sent.
	close(atOnce bool)
	// remoteAddr returns the client's address, for the log.
	remoteAddr() string
}
