// Chaos kills, pauses and restarts the processes of a pipeline and says whether what was acknowledged was counted
// exactly once:
//
//	make build && go run ./internal/proof/chaos/cmd/chaos --program bin/emostream --broker kafka --duration 3m
//
// It ends with one line on stdout; what happens meanwhile, and everything that is wrong, goes to stderr. A run can be
// repeated with the seed that it prints: the faults are the same, what they hit is not.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/emostream/emostream/internal/proof/chaos"
	"github.com/emostream/emostream/internal/proof/process"
)

// Exit codes.
const (
	failed      = 1
	usage       = 2
	wrong       = 4
	interrupted = 130
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	cfg := chaos.Config{Tell: func(format string, args ...any) { fmt.Fprintf(stderr, format+"\n", args...) }}
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&cfg.Program, "program", "bin/emostream", "`path` of emostream")
	flags.StringVar(&cfg.Broker, "broker", chaos.Embedded, "what it runs on: embedded, or kafka for three of Apache Kafka's (Java 17)")
	flags.StringVar(&cfg.Dir, "dir", "", "keep logs and data in `folder` (default: a temporary one, kept only after a failure)")
	flags.DurationVar(&cfg.Duration, "duration", 45*time.Second, "how long faults happen")
	flags.Uint64Var(&cfg.Seed, "seed", uint64(time.Now().UnixMilli()), "which faults happen (default: by the time)")
	flags.IntVar(&cfg.Rate, "rate", 400, "taps a second")
	flags.IntVar(&cfg.Connections, "connections", 32, "connections that tap")
	flags.BoolVar(&cfg.Keys, "keys", false, "the servers want tokens and tickets, whose keys are rotated")
	flags.StringVar(&cfg.LogLevel, "log-level", "info", "of the stages, whose logs are in the folder")
	scenario := flags.String("scenario", "chaos", "chaos, or recovery: a table of how long windows are late after each kind of disturbance")
	repetitions := flags.Int("repetitions", 3, "of each line of that table")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return usage
	}
	if err := check(cfg, *scenario, flags.Args()); err != nil {
		fmt.Fprintln(stderr, "chaos:", err)
		return usage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal asks to stop, the second one ends the process, and with it all that it started.
	defer context.AfterFunc(ctx, stop)()
	return in(cfg, stderr, func(cfg chaos.Config) (err error) {
		defer func() {
			if ctx.Err() != nil && !errors.Is(err, chaos.ErrWrong) {
				err = errors.Join(errInterrupted, err)
			}
		}()
		if *scenario == "recovery" {
			measured, err := chaos.Recover(ctx, cfg, *repetitions)
			if len(measured.Rows) > 0 {
				fmt.Fprint(stdout, measured)
			}
			return err
		}
		fmt.Fprintf(stderr, "seed %d\n", cfg.Seed)
		report, err := chaos.Run(ctx, cfg)
		for _, w := range report.Wrong {
			fmt.Fprintln(stderr, "WRONG:", w)
		}
		if report.Took > 0 { // else it ended before there was a report
			fmt.Fprintln(stdout, report)
		}
		return err
	})
}

// errInterrupted says that a signal ended the run early.
var errInterrupted = errors.New("interrupted")

func check(cfg chaos.Config, scenario string, rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%q: there are only flags", rest[0])
	case cfg.Broker != chaos.Embedded && cfg.Broker != chaos.Kafka:
		return fmt.Errorf("-broker %q: use %s or %s", cfg.Broker, chaos.Embedded, chaos.Kafka)
	case scenario != "chaos" && scenario != "recovery":
		return fmt.Errorf("-scenario %q: use chaos or recovery", scenario)
	case cfg.Duration <= 0 || cfg.Rate < 1 || cfg.Connections < 1:
		return errors.New("-duration, -rate and -connections want more than nothing")
	case !process.Pausable:
		return errors.New("processes cannot be paused on this system: run it on Linux or macOS")
	}
	return nil
}

// in runs f with a folder and returns the exit code. If it made the folder itself, it
// removes it afterwards, unless the run failed or something was wrong.
func in(cfg chaos.Config, stderr io.Writer, f func(chaos.Config) error) (code int) {
	temporary := cfg.Dir == ""
	var err error
	if temporary {
		cfg.Dir, err = os.MkdirTemp("", "chaos-")
	} else {
		err = os.MkdirAll(cfg.Dir, 0o755)
	}
	if err == nil {
		err = f(cfg)
	}
	if err != nil {
		fmt.Fprintln(stderr, "chaos:", err)
	}
	switch {
	case errors.Is(err, chaos.ErrWrong):
		code = wrong
	case errors.Is(err, errInterrupted):
		code = interrupted
	case err != nil:
		code = failed
	}
	if !temporary {
		return code
	}
	if code == wrong || code == failed {
		fmt.Fprintln(stderr, "chaos: logs and data are in", cfg.Dir)
	} else if err := os.RemoveAll(cfg.Dir); err != nil {
		fmt.Fprintln(stderr, "chaos:", err)
	}
	return code
}
