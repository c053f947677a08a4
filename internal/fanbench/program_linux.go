package fanbench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/proof/process"
)

// patience is how long a server may take to start or to stop.
const patience = 30 * time.Second

// program is a process of a server, and where it logs.
type program struct {
	process *process.Process
	log     string
}

// launch starts a program; what it says goes to a file of that name in dir.
func (b *bench) launch(ctx context.Context, name, path string, args ...string) (*program, error) {
	b.Tell("$ %s", strings.Join(append([]string{path}, args...), " "))
	log, err := os.OpenFile(filepath.Join(b.Dir, name+".log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("log of %s: %w", name, err)
	}
	defer log.Close()
	cmd := exec.CommandContext(context.WithoutCancel(ctx), path, args...)
	cmd.Stdout, cmd.Stderr = log, log
	p, err := process.Start(cmd)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return &program{process: p, log: log.Name()}, nil
}

// stop asks the program to stop, and ends it if it does not.
func (p *program) stop() error {
	if err := p.process.Terminate(); err != nil && p.process.Running() {
		return err
	}
	select {
	case <-p.process.Exited():
		return nil
	case <-time.After(patience):
		return errors.Join(fmt.Errorf("it did not stop within %v: see %s", patience, p.log), p.process.Kill())
	}
}

// until waits until a URL is answered well.
func (p *program) until(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		_, err := get(ctx, url)
		if err == nil {
			return nil
		}
		select {
		case <-p.process.Exited():
			return fmt.Errorf("it ended by itself: see %s", p.log)
		case <-ctx.Done():
			return fmt.Errorf("%s did not answer within %v (%w): see %s", url, patience, errors.Join(err, ctx.Err()), p.log)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
