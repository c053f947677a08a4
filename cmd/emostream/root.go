package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// Exit codes. They are listed in the README and never change their meaning.
const (
	exitOK          = 0   // also a long-running command stopped by a signal
	exitFailed      = 1   // the command failed
	exitUsage       = 2   // wrong usage or configuration
	exitMissed      = 3   // a threshold was missed
	exitUnverified  = 4   // something acknowledged was lost or doubled
	exitInterrupted = 130 // a finite command was interrupted
)

// streams are the program's standard streams: data on out, all else on err.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

// exitError is an error with an exit code of its own.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// usagef is an error in how a command was called.
func usagef(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// errInterrupted ends a finite command that a signal cut short.
var errInterrupted = errors.New("interrupted")

// execute runs the command line and returns the exit code.
func execute(ctx context.Context, io streams, args []string) int {
	root := newRoot(io) //nolint:contextcheck // commands are handed ctx when they run
	root.SetArgs(args)
	root.SetIn(io.in)
	root.SetOut(io.out)
	root.SetErr(io.err)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if errors.Is(err, errInterrupted) {
		return exitInterrupted
	}
	code := exitFailed
	if exit, ok := errors.AsType[*exitError](err); ok {
		code = exit.code
	}
	_, _ = fmt.Fprintf(io.err, "emostream: %v\n", err)
	if code == exitUsage {
		_, _ = fmt.Fprintf(io.err, "See %s --help.\n", cmd.CommandPath())
	}
	return code
}

func newRoot(io streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "emostream",
		Short: "A real-time emoji reaction pipeline and the toolkit around it",
		Long: `Emostream shows an audience its own mood: people tap emojis over HTTP, Kafka
carries them, 2-second windows are counted, and what the crowd feels goes back
out to everyone over Server-Sent Events.

Every stage is a command; ` + "`emostream up`" + ` runs all of them in one process on an
embedded broker. Every flag can be set in the environment too: --topic-prefix as
EMOSTREAM_TOPIC_PREFIX.`,
		Example: `  emostream up                       # everything, on this machine
  emostream watch                    # what the crowd feels
  emostream send 🔥 :tada: --count 5 # taps`,
		Args:          unknownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return fromEnvironment(cmd, os.LookupEnv)
		},
	}
	root.Version = version
	root.SetVersionTemplate("emostream {{.Version}}\n")
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", ".FlagUsagesWrapped 80"))
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &exitError{exitUsage, err} })
	root.AddGroup(&cobra.Group{ID: "run", Title: "Run the pipeline:"}, &cobra.Group{ID: "use", Title: "Use it:"})
	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("run", newUp(io), newServe(io), newAggregate(io), newPublish(io), newSubscribe(io), newBroker(io), newTopics(io))
	add("use", newSend(io), newWatch(io), newConsume(io), newBench(io))
	add("use", newReplay(io), newExport(io), newStats(io))
	root.AddCommand(newVersion(io))
	usageErrors(root)
	return root
}

// unknownCommand refuses what is no command, and names the nearest ones.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return fmt.Errorf("%s has no command %.40q: did you mean %s?", cmd.CommandPath(), args[0], strings.Join(near, ", "))
	}
	return fmt.Errorf("%s has no command %.40q: it has %s", cmd.CommandPath(), args[0], strings.Join(names(cmd), ", "))
}

// usageErrors gives wrong arguments the exit code of wrong usage.
func usageErrors(cmd *cobra.Command) {
	if cmd.RunE == nil && cmd.HasSubCommands() {
		cmd.Args = unknownCommand
		cmd.RunE = func(c *cobra.Command, _ []string) error {
			return usagef("%s needs a command: %s", c.CommandPath(), strings.Join(names(c), ", "))
		}
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return &exitError{exitUsage, err}
			}
			return nil
		}
	}
	for _, c := range cmd.Commands() {
		usageErrors(c)
	}
}

func names(cmd *cobra.Command) []string {
	var out []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			out = append(out, c.Name())
		}
	}
	return out
}

// fromEnvironment sets the flags that were not given from EMOSTREAM_* variables.
func fromEnvironment(cmd *cobra.Command, lookup func(string) (string, bool)) error {
	var errs []error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := "EMOSTREAM_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if v, ok := lookup(name); ok && !f.Changed && f.Name != "help" && f.Name != "version" {
			if err := cmd.Flags().Set(f.Name, v); err != nil {
				errs = append(errs, usagef("%s=%q: %w", name, v, err))
			}
		}
	})
	return errors.Join(errs...)
}

// logFlags are the flags of every command that logs.
type logFlags struct {
	level  string
	format string
}

func (l *logFlags) add(cmd *cobra.Command, level string) {
	cmd.Flags().StringVar(&l.level, "log-level", level, "least level that is logged: debug, info, warn or error")
	cmd.Flags().StringVar(&l.format, "log-format", "auto", "text, json, or auto: text on a terminal, else json")
}

// logger returns a logger to w.
func (l *logFlags) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.level)); err != nil {
		return nil, usagef("--log-level %.20q: use debug, info, warn or error", l.level)
	}
	opts := &slog.HandlerOptions{Level: level}
	format := l.format
	if format == "auto" {
		format = "json"
		if isTerminal(w) {
			format = "text"
		}
	}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	}
	return nil, usagef("--log-format %.20q: use text, json or auto", l.format)
}

func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// outputFlag is -o, for commands that report something.
type outputFlag struct{ format string }

func (o *outputFlag) add(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.format, "output", "o", "text", "text or json")
}

// json says whether JSON was asked for.
func (o *outputFlag) json() (bool, error) {
	switch o.format {
	case "json":
		return true, nil
	case "text":
		return false, nil
	}
	return false, usagef("--output %.20q: use text or json", o.format)
}
