package chaos

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/emostream/emostream/internal/proof/process"
	"github.com/emostream/emostream/internal/sleep"
)

// stopTimeout is how long a stage may take to stop when it is asked to.
const stopTimeout = 30 * time.Second

// stage is a process of emostream that is started again and again. The output of all
// these processes goes to one file. One goroutine at a time may call its methods.
type stage struct {
	name    string
	program string
	args    []string
	log     string      // path of the file
	failed  func(error) // called from another goroutine when the process ends by itself

	process  *process.Process
	stopping chan struct{} // closed before the stage ends the process
}

// start starts the process, unless it is running. It outlives ctx.
func (s *stage) start(ctx context.Context) error {
	if s.process != nil && s.process.Running() {
		return nil
	}
	log, err := os.OpenFile(s.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("log of %s: %w", s.name, err)
	}
	defer log.Close()
	cmd := exec.CommandContext(context.WithoutCancel(ctx), s.program, s.args...)
	cmd.Stdout, cmd.Stderr = log, log
	p, err := process.Start(cmd)
	if err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	asked := make(chan struct{})
	s.process, s.stopping = p, asked
	go func() {
		<-p.Exited()
		select {
		case <-asked:
		default:
			s.failed(fmt.Errorf("%s ended by itself (%w), the end of %s:\n%s", s.name, ending(p), s.log, s.tail()))
		}
	}()
	return nil
}

// ending returns why a process has ended by itself. That is an error even with exit
// code 0.
func ending(p *process.Process) error {
	if err := p.Err(); err != nil {
		return err
	}
	return fmt.Errorf("exit status 0")
}

// markStopping notes that the stage is about to end the process.
func (s *stage) markStopping() {
	select {
	case <-s.stopping:
	default:
		close(s.stopping)
	}
}

// kill ends the process as a crash would, if it is running.
func (s *stage) kill() error {
	if s.process == nil || !s.process.Running() {
		return nil
	}
	s.markStopping()
	if err := s.process.Kill(); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	return nil
}

// stop asks the process to stop, and waits until it has stopped. If it does not stop,
// it must write its goroutines into its log.
func (s *stage) stop() error {
	if s.process == nil || !s.process.Running() {
		return nil
	}
	s.markStopping()
	if err := s.process.Terminate(); err != nil && s.process.Running() {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	select {
	case <-s.process.Exited():
	case <-time.After(stopTimeout):
		return fmt.Errorf("%s did not stop within %v of being asked to; what it waited for is at the end of %s (%w)", s.name, stopTimeout, s.log, s.dump())
	}
	if err := s.process.Err(); err != nil {
		return fmt.Errorf("%s was asked to stop and did so with %w, the end of %s:\n%s", s.name, err, s.log, s.tail())
	}
	return nil
}

// dump makes the process write its goroutines into its log and end.
func (s *stage) dump() error {
	s.markStopping()
	if err := s.process.Dump(); err != nil {
		return err
	}
	select {
	case <-s.process.Exited():
		return s.process.Err()
	case <-time.After(stopTimeout):
		return s.process.Kill()
	}
}

// inject implements victim.
func (s *stage) inject(ctx context.Context, f Fault) error {
	switch f.Kind {
	case Pause:
		if err := s.process.Pause(); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		_ = sleep.For(ctx, f.For)
		if err := s.process.Resume(); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		return nil
	case Kill:
		if err := s.kill(); err != nil {
			return err
		}
		_ = sleep.For(ctx, f.For)
	case Restart:
		if err := s.stop(); err != nil {
			return err
		}
	case Move: // happens to brokers of a cluster only
	}
	return s.start(ctx)
}

// tail returns the end of the stage's log.
func (s *stage) tail() string {
	const most = 3000
	b, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	if len(b) > most {
		b = b[len(b)-most:]
		b = b[bytes.IndexByte(b, '\n')+1:]
	}
	return string(b)
}
