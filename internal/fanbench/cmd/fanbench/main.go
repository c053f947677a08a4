//go:build linux

// Fanbench prints how a subscriber server sends windows to thousands of listeners,
// beside nchan:
//
//	make build && go run ./internal/fanbench/cmd/fanbench -program bin/emostream
//
// The table goes to stdout; the commands that are run, and what each round found,
// to stderr. As `fanbench crowd` it is the listeners.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/emostream/emostream/internal/fanbench"
)

// Exit codes.
const (
	failed      = 1
	usage       = 2
	missed      = 3
	interrupted = 130
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if args := os.Args[1:]; len(args) > 0 && args[0] == "crowd" {
		os.Exit(crowd(ctx, args[1:]))
	}
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func crowd(ctx context.Context, args []string) int {
	var c fanbench.Crowd
	flags := flag.NewFlagSet("fanbench crowd", flag.ContinueOnError)
	flags.StringVar(&c.URL, "url", "", "`address` of the stream")
	flags.IntVar(&c.Listeners, "listeners", 0, "listeners that stay")
	flags.IntVar(&c.Passing, "passing", 0, "listeners that leave after 2 s, and come again at once")
	flags.IntVar(&c.Silent, "silent", 0, "listeners that never read")
	if flags.Parse(args) != nil {
		return usage
	}
	if err := fanbench.Perform(ctx, c, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "fanbench crowd:", err)
		return failed
	}
	return 0
}

func run(ctx context.Context, args []string, stdout io.Writer, stderr *os.File) int {
	cfg := fanbench.Config{Stderr: stderr, Tell: func(format string, args ...any) { fmt.Fprintf(stderr, format+"\n", args...) }}
	flags := flag.NewFlagSet("fanbench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&cfg.Program, "program", "bin/emostream", "`path` of emostream")
	flags.IntVar(&cfg.Connections, "connections", 8000, "listeners of the comparison")
	flags.IntVar(&cfg.Many, "many", 15_000, "listeners while some come and leave")
	flags.IntVar(&cfg.Rounds, "rounds", 3, "of each server, in turn")
	flags.IntVar(&cfg.Workers, "workers", 2, "of nginx")
	flags.StringVar(&cfg.Profile, "profile", "", "write a profile of subscribe's processor time to `file`, after all else")
	quick := flags.Bool("quick", false, "few listeners for a short time: whether it works, not how fast")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return usage
	case flags.NArg() > 0 || cfg.Connections < 1 || cfg.Many < 1 || cfg.Rounds < 1 || cfg.Workers < 1:
		fmt.Fprintln(stderr, "fanbench: there are only flags, and their numbers are 1 or more")
		return usage
	}
	if *quick {
		cfg.Connections, cfg.Many, cfg.Passing, cfg.Hold, cfg.Silent = 300, 600, 100, 3*time.Second, 10
		cfg.Events, cfg.Interval, cfg.Rounds = 8, 250*time.Millisecond, 1
	}
	report, err := in(ctx, cfg)
	fmt.Fprint(stdout, report)
	switch {
	case ctx.Err() != nil:
		return interrupted
	case err != nil:
		fmt.Fprintln(stderr, "fanbench:", err)
		return failed
	case len(report.Failed()) > 0:
		fmt.Fprintln(stderr, "fanbench: missed:", strings.Join(report.Failed(), "; "))
		return missed
	}
	return 0
}

// in runs it with a temporary folder, which stays when something fails.
func in(ctx context.Context, cfg fanbench.Config) (report fanbench.Report, err error) {
	if cfg.Nginx, err = fanbench.FindNginx(); err != nil {
		return report, err
	}
	self, err := os.Executable()
	if err != nil {
		return report, err
	}
	cfg.Crowd = []string{self, "crowd"}
	if cfg.Dir, err = os.MkdirTemp("", "fanbench-"); err != nil {
		return report, err
	}
	if report, err = fanbench.Run(ctx, cfg); err != nil {
		return report, fmt.Errorf("%w (logs are in %s)", err, cfg.Dir)
	}
	return report, os.RemoveAll(cfg.Dir)
}
