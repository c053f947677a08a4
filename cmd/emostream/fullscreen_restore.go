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

// A view leaves the terminal as it found it, but cannot when its process is killed or
// a goroutine panics that nobody recovers for. So a command that takes the whole
// screen runs as a process of its own, and this one puts the terminal right after it.

// hasScreen is set in the environment of the process that has the screen.
const fullscreenVariable = "EMOSTREAM_HAS_SCREEN"

// Files of that process, besides the standard streams.
const (
	stopPipe  = 3 // ends when it shall stop, also because this process is gone
	panicPipe = 4 // takes what the runtime says of a panic
)

// mostSaid bounds what is kept of what the runtime says of a panic.
const maxPanicText = 1 << 20

// onScreen runs f, which takes the whole screen, and leaves the terminal as it was
// however f ends. Up to here the command must have done nothing but check its flags,
// since it is run anew in a process of its own, where f is called. The first signal
// asks f to stop, the second one ends it.
func runFullscreen(ctx context.Context, std streams, f func(context.Context) error) error {
	if os.Getenv(fullscreenVariable) != "" {
		return runAsChild(ctx, f)
	}
	tty := std.terminal()
	if tty == nil || runtime.GOOS == "windows" { // which has no such files
		return f(ctx)
	}
	before, err := term.GetState(int(tty.Fd()))
	if err != nil {
		return f(ctx)
	}
	said, err := runChild(ctx, std)
	exit, ended := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return nil
	case ended && exit.Exited() && said == "": // it has said why
		return &exitError{code: exit.ExitCode()}
	}
	_ = term.Restore(int(tty.Fd()), before)
	_, _ = io.WriteString(tty, resetSequences())
	return fmt.Errorf("what was on the screen ended with %w%s", err, said)
}

// runAnew runs the command line in a process that has the screen, until it ends.
// said is what the runtime says of a panic there.
func runChild(ctx context.Context, std streams) (said string, err error) {
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	held, leash, err1 := os.Pipe()
	heard, obituary, err2 := os.Pipe()
	if err := errors.Join(err1, err2); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), exe)
	cmd.Args, cmd.Env, cmd.ExtraFiles = os.Args, append(os.Environ(), fullscreenVariable+"=1"), []*os.File{held, obituary}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = std.in, std.out, std.err
	if n, ok := std.err.(*quietWriter); ok {
		cmd.Stderr = n.Writer // itself, so that it is a terminal there, too
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	_, _ = held.Close(), obituary.Close()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for range signals {
			if leash.Close() != nil { // it is the second one
				_ = cmd.Process.Kill()
			}
		}
	}()
	text, _ := io.ReadAll(io.LimitReader(heard, maxPanicText))
	_, _ = io.Copy(io.Discard, heard)
	err = cmd.Wait()
	signal.Stop(signals)
	close(signals)
	_, _ = leash.Close(), heard.Close()
	if len(text) > 0 {
		said = ":\n" + strings.TrimSpace(string(text))
	}
	return said, err
}

// holdScreen runs f in the process that has the screen.
func runAsChild(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.NewFile(stopPipe, "leash"))
		cancel()
	}()
	if err := debug.SetCrashOutput(os.NewFile(panicPipe, "obituary"), debug.CrashOptions{}); err != nil {
		return err
	}
	return f(ctx)
}

// plainScreen undoes all that a view may have set on a terminal.
func resetSequences() string {
	return ansi.ResetModeSynchronizedOutput + ansi.ResetModeMouseNormal + ansi.ResetModeMouseButtonEvent + ansi.ResetModeMouseAnyEvent +
		ansi.ResetModeMouseExtSgr + ansi.ResetModeFocusEvent + ansi.ResetModeBracketedPaste + ansi.ResetModeUnicodeCore +
		ansi.ResetModifyOtherKeys + ansi.PopKittyKeyboard(1) + ansi.ResetStyle + ansi.ResetModeAltScreenSaveCursor + ansi.ShowCursor
}
