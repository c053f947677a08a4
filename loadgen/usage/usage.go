// Package usage measures what processes of this machine spend while a load test goes on:
// processor time, memory and descriptors of chosen processes and of their descendants. It
// reads /proc, and so works on Linux alone.
package usage

import (
	"fmt"
	"time"
)

// Selection says which processes are chosen. Their descendants are measured with them.
type Selection struct {
	PIDs []int
	// Commands are names of commands as ps shows them, or as processes were started, both
	// without a folder. All processes that have such a name are chosen, also those that
	// start later, but not this process and what it was started by.
	Commands []string
}

// Usage is what all measured processes together have spent and hold. A field is nil if
// it cannot be read of all of them.
type Usage struct {
	// User and System are processor times since Find, of processes that have ended, too.
	// The system tells them in hundredths of a second.
	User, System time.Duration
	RSS          *int64 // bytes of memory that are resident; what processes share counts for each
	PSS          *int64 // the same, but what processes share counts once
	Descriptors  *int64
}

// Process is a process that is measured, or was.
type Process struct {
	PID     int
	Command string
	Ended   bool
}

// String returns the process as people know it.
func (p Process) String() string { return fmt.Sprintf("%s (pid %d)", p.Command, p.PID) }
