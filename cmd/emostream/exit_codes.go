package main

import (
	"errors"
	"fmt"
)

// Exit codes. They are listed in docs/settings.md and never change their meaning.
const (
	exitOK          = 0   // also a long-running command stopped by a signal
	exitFailed      = 1   // the command failed
	exitUsage       = 2   // wrong usage or configuration
	exitMissed      = 3   // a threshold was missed
	exitUnverified  = 4   // something acknowledged was lost or doubled
	exitInterrupted = 130 // a finite command was interrupted
)

// exitError is an error with an exit code of its own. Without an error, all has
// been said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return fmt.Sprint(e.err) }
func (e *exitError) Unwrap() error { return e.err }

// usagef is an error in how a command was called.
func usagef(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// errInterrupted ends a finite command that a signal cut short.
var errInterrupted = errors.New("interrupted")

// errEnough ends a watch that has seen as much as it wanted.
var errEnough = errors.New("enough")
