package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"
)

// A view leaves the terminal as it was, unless its process is killed or a goroutine
// panics that nobody recovers. So a command that takes the full screen runs in a child
// process, and the parent restores the terminal after the child has ended.

// fullscreenVariable is set in the environment of the child process.
const fullscreenVariable = "EMOSTREAM_HAS_SCREEN"

// File descriptors of the child process, besides the standard streams.
const (
	stopPipe  = 3 // the child stops when it reads the end of this pipe, also if the parent dies
	panicPipe = 4 // the Go runtime writes the text of a panic here
)

// childBegan is what the child writes into the panic pipe before it calls its function.
const childBegan = "began\n"

// maxPanicText is how many bytes of the text of a panic are kept.
const maxPanicText = 1 << 20

// runFullscreen calls f, which takes the full screen, and leaves the terminal as it was
// however f ends. It starts the program again with the same command line, as a child
// process, which calls f. So a command may do nothing before this call but check its
// flags. The first signal asks f to stop, the second one kills the child. f is also called
// if the first signal comes before the child can call it: then its context has ended.
func runFullscreen(ctx context.Context, std streams, f func(context.Context) error) error {
	if os.Getenv(fullscreenVariable) != "" {
		return runAsChild(ctx, f)
	}
	tty := std.terminal()
	if tty == nil || runtime.GOOS == "windows" { // a child process gets no further descriptors on Windows
		return f(ctx)
	}
	before, err := term.GetState(int(tty.Fd()))
	if err != nil {
		return f(ctx)
	}
	child, err := runChild(ctx, std)
	exit, ended := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return nil
	case ended && exit.Exited() && child.panicText == "": // the child has printed the reason
		return &exitError{code: exit.ExitCode()}
	}
	_ = term.Restore(int(tty.Fd()), before)
	_, _ = io.WriteString(tty, resetSequences())
	switch {
	case ended && !exit.Exited() && child.signals > 1:
		return errInterrupted
	case ended && !child.began && interrupts(exit): // it did not handle signals yet, and a terminal sends them to it, too
		stopped, cancel := context.WithCancel(ctx)
		cancel()
		return f(stopped)
	}
	panicText := child.panicText
	if panicText != "" {
		panicText = ":\n" + panicText
	}
	return fmt.Errorf("what was on the screen ended with %w%s", err, panicText)
}

// interrupts says whether a process was ended by a signal that asks it to stop.
func interrupts(e *exec.ExitError) bool {
	how, ok := e.Sys().(syscall.WaitStatus)
	return ok && how.Signaled() && (how.Signal() == syscall.SIGINT || how.Signal() == syscall.SIGTERM)
}

// childRun says what became of a child process.
type childRun struct {
	began     bool   // it called its function
	panicText string // the text of a panic in it, if there was one
	signals   int    // how many signals this process got until the child had ended
}

// runChild runs the command line in a child process and waits until it ends. The child is
// asked to stop by the first signal, and when ctx ends.
func runChild(ctx context.Context, std streams) (childRun, error) {
	exe, err := os.Executable()
	if err != nil {
		return childRun{}, err
	}
	stopReader, stop, err1 := os.Pipe()
	panicReader, panicWriter, err2 := os.Pipe()
	if err := errors.Join(err1, err2); err != nil {
		return childRun{}, err
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), exe)
	cmd.Args, cmd.Env, cmd.ExtraFiles = os.Args, append(os.Environ(), fullscreenVariable+"=1"), []*os.File{stopReader, panicWriter}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = std.in, std.out, std.err
	if n, ok := std.err.(*quietWriter); ok {
		cmd.Stderr = n.Writer // a file, so that the child sees a terminal
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	run := childRun{}
	if ctx.Err() != nil { // the first signal came before
		run.signals = 1
	}
	if err := cmd.Start(); err != nil {
		signal.Stop(signals)
		return childRun{}, err
	}
	_, _ = stopReader.Close(), panicWriter.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	context.AfterFunc(ctx, func() { _ = stop.Close() })
	counted := make(chan struct{})
	go func() {
		defer close(counted)
		for range signals {
			cancel()
			if run.signals++; run.signals > 1 {
				_ = cmd.Process.Kill()
			}
		}
	}()
	text, _ := io.ReadAll(io.LimitReader(panicReader, maxPanicText))
	_, _ = io.Copy(io.Discard, panicReader)
	err = cmd.Wait()
	signal.Stop(signals)
	close(signals)
	<-counted
	_ = panicReader.Close()
	run.panicText, run.began = strings.CutPrefix(string(text), childBegan)
	run.panicText = strings.TrimSpace(run.panicText)
	return run, err
}

// runAsChild calls f in the child process. The context ends when the parent closes the
// stop pipe.
func runAsChild(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.NewFile(stopPipe, "stop"))
		cancel()
	}()
	pipe := os.NewFile(panicPipe, "panic")
	_, err := io.WriteString(pipe, childBegan)
	if err := errors.Join(err, debug.SetCrashOutput(pipe, debug.CrashOptions{})); err != nil {
		return err
	}
	return f(ctx)
}

// resetSequences returns the escape sequences that undo all that a view may have set on
// a terminal.
func resetSequences() string {
	return ansi.ResetModeSynchronizedOutput + ansi.ResetModeMouseNormal + ansi.ResetModeMouseButtonEvent + ansi.ResetModeMouseAnyEvent +
		ansi.ResetModeMouseExtSgr + ansi.ResetModeFocusEvent + ansi.ResetModeBracketedPaste + ansi.ResetModeUnicodeCore +
		ansi.ResetModifyOtherKeys + ansi.PopKittyKeyboard(1) + ansi.ResetStyle + ansi.ResetModeAltScreenSaveCursor + ansi.ShowCursor
}

// terminal returns the first stream that is a terminal, nil if none is.
func (s streams) terminal() *os.File {
	for _, f := range []any{s.in, s.out, s.err} {
		if n, ok := f.(*quietWriter); ok {
			f = n.Writer
		}
		if file, ok := f.(*os.File); ok && isTerminal(file) {
			return file
		}
	}
	return nil
}
