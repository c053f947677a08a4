// Package process runs other programs for tests that kill and restart them: the brokers
// of a cluster, the stages of a pipeline, or any command beside them.
//
// Every program runs in a process group of its own, so that Ctrl-C does not reach it.
// On Linux it dies with this process, however this process ends. Elsewhere it goes on
// when this process is killed.
package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// Process is a program that was started.
type Process struct {
	os     *os.Process
	exited chan struct{}
	err    error // how it ended; written before exited is closed
}

// Start starts a command that was made by exec.Command. The output of the command must
// go to files, since nothing here reads from a pipe.
func Start(cmd *exec.Cmd) (*Process, error) {
	ownGroup(cmd)
	started, p := make(chan error), &Process{exited: make(chan struct{})}
	go func() {
		// Linux ends the process with the thread that started it, so this goroutine keeps its thread until the process ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		p.os = cmd.Process
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.exited)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// ID returns the process's number in the system.
func (p *Process) ID() int { return p.os.Pid }

// Exited returns a channel that is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Running returns whether the process runs.
func (p *Process) Running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// Err returns how the process ended; nil: with exit code 0. It must not be called
// before the process has ended.
func (p *Process) Err() error { return p.err }

// Kill kills the process, even if it is paused, and waits until it has ended.
func (p *Process) Kill() error {
	if err := p.os.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill: %w", err)
	}
	<-p.exited
	return nil
}

// Run runs a command made by exec.CommandContext, as the command's own Run does, and
// leaves nothing of it behind. When the context is cancelled, the command and all that
// it started are interrupted, as by Ctrl-C. Ten seconds later the command is killed.
// When it has ended, what it started and left running is killed.
func Run(cmd *exec.Cmd) error {
	const killDelay = 10 * time.Second
	ownGroup(cmd)
	cmd.Cancel = func() error { return interrupt(cmd.Process) }
	cmd.WaitDelay = killDelay
	// Linux ends the command with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return err
	}
	defer killGroup(cmd.Process)
	return cmd.Wait()
}

// Output runs a command to its end, and returns everything that it prints. It kills the
// command when its context is cancelled.
func Output(cmd *exec.Cmd) ([]byte, error) {
	ownGroup(cmd)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.CombinedOutput()
}

// Tail returns the end of what a process has said, as much of it as a person reads.
func Tail(said string) string {
	const most = 4000
	if len(said) > most {
		return "…" + said[len(said)-most:]
	}
	return said
}
