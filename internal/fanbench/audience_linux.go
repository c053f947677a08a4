package fanbench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/proof/process"
)

// The lines of the conversation with a crowd's process: it says when all are served,
// also when they are so again, and what it heard when its input ends.
type said struct {
	Served bool   `json:",omitempty"`
	Heard  *Heard `json:",omitempty"`
}

// Perform is the crowd's side of the conversation.
func Perform(ctx context.Context, c Crowd, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	say := json.NewEncoder(out)
	c.Ready = func() { _ = say.Encode(said{Served: true}) } // whoever does not hear it has ended
	heard, err := c.Run(ctx)
	if err != nil {
		return err
	}
	return say.Encode(said{Heard: &heard})
}

// audience is a crowd in a process of its own.
type audience struct {
	process *process.Process
	in      io.Closer
	served  chan struct{} // what nobody waits for is forgotten
	heard   chan Heard    // closed when it says no more
}

// gather starts a crowd at a server, and waits until all are served.
func (b *bench) gather(ctx context.Context, t target, c Crowd) (*audience, error) {
	args := append(b.Crowd[1:len(b.Crowd):len(b.Crowd)], "-url", t.URL(), "-listeners", strconv.Itoa(c.Listeners),
		"-passing", strconv.Itoa(c.Passing), "-silent", strconv.Itoa(c.Silent))
	b.Tell("$ %s", strings.Join(append([]string{b.Crowd[0]}, args...), " "))
	cmd := exec.CommandContext(context.WithoutCancel(ctx), b.Crowd[0], args...)
	stdin, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, stdout, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, in.Close(), stdin.Close())
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, b.Stderr
	a := &audience{in: in, served: make(chan struct{}, 1), heard: make(chan Heard, 1)}
	a.process, err = process.Start(cmd)
	// The crowd's ends are its own: when it has ended, so have the pipes.
	if err = errors.Join(err, stdin.Close(), stdout.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("start the crowd: %w", err), in.Close(), out.Close())
	}
	go a.listen(out)
	if err := a.await(ctx, patience+2*time.Duration(c.Listeners+c.Passing+c.Silent)*time.Second/pace); err != nil {
		return nil, errors.Join(err, a.dismiss())
	}
	return a, nil
}

// listen takes in what the crowd says until it has ended.
func (a *audience) listen(out io.ReadCloser) {
	defer out.Close()
	defer close(a.heard)
	for d := json.NewDecoder(out); ; {
		var line said
		if d.Decode(&line) != nil {
			return
		}
		if line.Heard != nil {
			a.heard <- *line.Heard
			return
		}
		select {
		case a.served <- struct{}{}:
		default:
		}
	}
}

// await waits until all are served.
func (a *audience) await(ctx context.Context, most time.Duration) error {
	select {
	case <-a.served:
		return nil
	case <-a.process.Exited():
		return fmt.Errorf("the crowd ended by itself (%w)", a.process.Err())
	case <-time.After(most):
		return fmt.Errorf("the crowd was not served within %v", most)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave sends the crowd home after err, if that is not nil, and returns what it
// heard.
func (a *audience) leave(err error) (Heard, error) {
	err = errors.Join(err, a.in.Close())
	heard, ok := <-a.heard
	<-a.process.Exited()
	if err = errors.Join(err, a.process.Err()); err == nil && !ok {
		err = errors.New("the crowd did not say what it heard")
	}
	return heard, err
}

// dismiss ends a crowd without a question.
func (a *audience) dismiss() error {
	return errors.Join(a.process.Kill(), a.in.Close())
}
