//go:build unix && !linux

package fanout

import "time"

// setUserTimeout does nothing: here the system's own timeout holds.
func setUserTimeout(int, time.Duration) {}
