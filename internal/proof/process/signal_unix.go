//go:build unix

package process

import (
	"fmt"
	"os"
	"syscall"
)

// Pausable says whether processes can be paused, and asked to stop, on this system.
const Pausable = true

// Pause stops the process where it is (SIGSTOP), until Resume. It keeps its
// connections, but answers nothing.
func (p *Process) Pause() error { return p.signal("pause", syscall.SIGSTOP) }

// Resume lets a paused process go on (SIGCONT). It does not notice that time has
// passed.
func (p *Process) Resume() error { return p.signal("resume", syscall.SIGCONT) }

// Terminate asks the process to stop in order (SIGTERM). It does not wait until it has.
func (p *Process) Terminate() error { return p.signal("terminate", syscall.SIGTERM) }

// Dump makes a Go program write the stacks of its goroutines to stderr and exit
// (SIGQUIT).
func (p *Process) Dump() error { return p.signal("dump", syscall.SIGQUIT) }

func (p *Process) signal(what string, s syscall.Signal) error {
	if err := p.os.Signal(s); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// interrupt sends the signal of Ctrl-C to the group of a process.
func interrupt(p *os.Process) error {
	return syscall.Kill(-p.Pid, syscall.SIGINT)
}

// killGroup kills the processes that are left in the group of a process that has ended.
func killGroup(p *os.Process) {
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL) // fails if none is left, which is usual
}
