// Package process runs other programs for tests that kill and restart them: the brokers
// of a cluster, the stages of a pipeline, any command that is run beside them.
//
// A program that is started here is in a process group of its own, so that Ctrl-C does
// not reach it. On Linux it dies with this process, however that ends. Elsewhere it goes
// on when this process is killed.
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
	err    error // of its end; written before exited is closed
}

// Start starts a command that was made by exec.Command. Its output must go to files,
// since nothing here copies it from a pipe.
func Start(cmd *exec.Cmd) (*Process, error) {
	ownGroup(cmd)
	started, p := make(chan error), &Process{exited: make(chan struct{})}
	go func() {
		// Linux ends the process with the thread that started it, so this goroutine keeps its thread until then.
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

// ID is the process's number in the system.
func (p *Process) ID() int { return p.os.Pid }

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Running says whether the process runs.
func (p *Process) Running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// Err says how the process ended; nil: with exit code 0. It may be called when the
// process has ended.
func (p *Process) Err() error { return p.err }

// Kill ends the process as a crash would, paused or not, and waits for its end.
func (p *Process) Kill() error {
	if err := p.os.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill: %w", err)
	}
	<-p.exited
	return nil
}

// Run runs a command made by exec.CommandContext, like its own Run, and leaves nothing of it behind. When the context
// is cancelled the command is interrupted, as by Ctrl-C, together with all that it started; ten seconds later it is
// killed, and so is, whenever it ends, what it started and left running.
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

// Output runs a command to its end, and returns all that it prints. When its
// context is cancelled it is killed.
func Output(cmd *exec.Cmd) ([]byte, error) {
	ownGroup(cmd)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.CombinedOutput()
}
