//go:build unix && !linux

package fanout

import "time"

// abandonAfter does nothing: the system gives up in its own time.
func abandonAfter(int, time.Duration) {}
