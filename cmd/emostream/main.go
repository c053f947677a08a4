// Command emostream is a real-time emoji reaction pipeline and the toolkit
// around it: reactions in over HTTP, through Kafka, counted in windows, out to
// everyone over Server-Sent Events.
//
// Flags, environment, signals, exit codes and printing belong here and nowhere else.
// Each command turns its flags into the constructors of packages and runs what they
// return. The files of a command begin with its name; the others are named for what
// they decide for several commands.
package main

import (
	"context"
	"os"
)

// The linker sets these in releases.
var (
	version = "dev"
	commit  = "unknown"
	date    = "unknown"
)

func main() {
	os.Exit(run(background()))
}

// run runs the program and returns its exit code. Tests run it as a
// command.
func run(ctx context.Context) int {
	ctx, stop := untilSignal(ctx)
	defer stop()
	return execute(ctx, streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}, os.Args[1:])
}
