//go:build !linux

package hostile

import (
	"context"
	"errors"
	"os/exec"
)

// Isolate does nothing: only Linux has network namespaces.
func Isolate(*exec.Cmd, bool, int, int) {}

// SetUp fails: only Linux has network namespaces.
func SetUp(context.Context) error { return errors.ErrUnsupported }
