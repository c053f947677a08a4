package main

import (
	"errors"
	"fmt"
)

// Exit codes. They are listed in docs/settings.md and never change their meaning.
const (
	exitOK          = 0   // also of a long-running command that a signal stopped
	exitFailed      = 1   // the command failed
	exitUsage       = 2   // wrong usage or configuration
	exitMissed      = 3   // a threshold was missed
	exitUnverified  = 4   // something acknowledged was lost or doubled
	exitInterrupted = 130 // a finite command was interrupted
)

// exitError is an error with an exit code. If err is nil, the command has printed
// everything and nothing more is printed.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return fmt.Sprint(e.err) }
func (e *exitError) Unwrap() error { return e.err }

// usagef returns an error of usage: a command line, a setting or a file that is wrong.
func usagef(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// errInterrupted ends a command that a signal stopped before its own end.
var errInterrupted = errors.New("interrupted")

// errEnough stops a reader that has read what it wanted. No command ends with it.
var errEnough = errors.New("enough")
