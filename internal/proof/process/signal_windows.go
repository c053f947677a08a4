package process

import (
	"errors"
	"os"
	"os/exec"
)

// Pausable says whether processes can be paused here, and asked to stop: Windows
// has no signals for that, and Pause, Resume, Terminate and Dump fail.
const Pausable = false

// Pause would stop the process where it is.
func (p *Process) Pause() error { return errors.ErrUnsupported }

// Resume would let a paused process go on.
func (p *Process) Resume() error { return errors.ErrUnsupported }

// Terminate would ask the process to stop in order.
func (p *Process) Terminate() error { return errors.ErrUnsupported }

// Dump would make a Go program say what each of its goroutines does.
func (p *Process) Dump() error { return errors.ErrUnsupported }

// ownGroup does nothing: Windows has no process groups, and children outlive parents.
func ownGroup(*exec.Cmd) {}

// interrupt ends a process, since Windows cannot send it a signal.
func interrupt(p *os.Process) error {
	return p.Kill()
}

// killGroup does nothing: there is no group.
func killGroup(*os.Process) {}
