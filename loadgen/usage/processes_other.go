//go:build !linux

package usage

import (
	"fmt"
	"runtime"
)

// Supported returns an error if processes cannot be measured on this system.
func Supported() error {
	return fmt.Errorf("what processes use can be measured on Linux alone, and this is %s: watch the target with the tools of this system", runtime.GOOS)
}

// Processes are measured on Linux alone.
type Processes struct{}

// Find returns an error.
func Find(Selection) (*Processes, error) { return nil, Supported() }

// All returns nothing.
func (*Processes) All() []Process { return nil }

// Read returns an error.
func (*Processes) Read(bool) (Usage, error) { return Usage{}, Supported() }

// Unreadable returns nothing.
func (*Processes) Unreadable() string { return "" }
