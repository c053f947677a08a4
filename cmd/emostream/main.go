// Command emostream is a real-time emoji reaction pipeline and the toolkit
// around it: reactions in over HTTP, through Kafka, counted in windows, out to
// everyone over Server-Sent Events.
//
// Flags, environment, signals, exit codes and printing live here and nowhere
// else. Each command is one file that turns flags into the constructors of the
// packages beside it and runs them.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Set by the linker in releases.
var (
	version = "dev"
	commit  = "unknown"
	date    = "unknown"
)

func main() {
	os.Exit(run())
}

// run is the whole program; tests run it as a command of their own.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal asks to stop; from then on the default holds again, and
	// the second one ends the process at once.
	defer context.AfterFunc(ctx, stop)()
	return execute(ctx, streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}, os.Args[1:])
}
