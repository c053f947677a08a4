package wire

// ScanServerStatus is the fast decoder of heartbeats.
func ScanServerStatus(value []byte) (ServerStatus, bool) { return scanServerStatus(value) }
