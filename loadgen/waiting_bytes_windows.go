package loadgen

// hasWaiting returns false: Go's sockets on Windows cannot be asked without waiting. A
// request over a connection that the server has just closed is in doubt there.
func hasWaiting(uintptr) bool { return false }
