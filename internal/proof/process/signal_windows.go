package process

import (
	"errors"
	"os"
	"os/exec"
)

// Pausable says whether processes can be paused, and asked to stop, on this system.
// Windows has no signals for that: Pause, Resume, Terminate and Dump return an error.
const Pausable = false

// Pause always returns an error.
func (p *Process) Pause() error { return errors.ErrUnsupported }

// Resume always returns an error.
func (p *Process) Resume() error { return errors.ErrUnsupported }

// Terminate always returns an error.
func (p *Process) Terminate() error { return errors.ErrUnsupported }

// Dump always returns an error.
func (p *Process) Dump() error { return errors.ErrUnsupported }

// ownGroup does nothing: Windows has no process groups. Children go on when their
// parents end.
func ownGroup(*exec.Cmd) {}

// interrupt kills a process, since Windows cannot send it a signal.
func interrupt(p *os.Process) error {
	return p.Kill()
}

// killGroup does nothing: there is no group.
func killGroup(*os.Process) {}
