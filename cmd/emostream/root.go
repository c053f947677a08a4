package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// streams are the standard streams of the program. Data goes to out, everything else to
// err.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

// execute runs the command line and returns the exit code.
func execute(ctx context.Context, io streams, args []string) int {
	stderr := io.err
	io.err = &quietWriter{Writer: stderr}
	root := newRoot(io) //nolint:contextcheck // commands get ctx when they run
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
	err = advised(err)
	code := exitFailed
	if exit, ok := errors.AsType[*exitError](err); ok {
		code = exit.code
		if exit.err == nil {
			return code
		}
	}
	if f := cmd.Flag("color"); f != nil { // the error may have come before the flag was applied
		_ = (&quietColorFlags{color: f.Value.String()}).setColor()
	}
	printError(stderr, withOrigins(cmd, err))
	if code == exitUsage {
		_, _ = fmt.Fprintf(io.err, "See %s --help.\n", cmd.CommandPath())
	}
	return code
}

func newRoot(io streams) *cobra.Command {
	var quietColor quietColorFlags
	root := &cobra.Command{
		Use:   "emostream",
		Short: "A real-time emoji reaction pipeline and the toolkit around it",
		Long: `Emostream shows an audience its own mood: people tap emojis over HTTP, Kafka
carries them, 2-second windows are counted, and what the crowd feels goes back
out to everyone over Server-Sent Events.

Every stage is a command; ` + "`emostream up`" + ` runs all of them in one process, on an
embedded broker. Every flag can be set in the environment (--topic-prefix as
EMOSTREAM_TOPIC_PREFIX) and in a settings file (emostream config --help), too.

Exit codes: 0 fine, 1 failed, 2 wrong usage or configuration, 3 a threshold was
missed, 4 something acknowledged was lost or doubled, 130 interrupted.`,
		Example: `  emostream up                       # everything, on this machine
  emostream tui                      # join the crowd
  emostream watch                    # what it feels, line by line
  emostream send 🔥 :tada: --count 5 # taps`,
		Args:          unknownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := applySettings(cmd); err != nil {
				return err
			}
			if err := quietColor.apply(io); err != nil {
				return err
			}
			warnOfUnseenFile(cmd, io.err)
			return nil
		},
	}
	root.Version = version
	root.SetVersionTemplate("emostream {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.PersistentFlags().String("config", "", "settings file (emostream config path tells the default); empty: none")
	quietColor.add(root.PersistentFlags())
	styleHelp(root, io, &quietColor)
	addGroups(root)
	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add(runGroup, newUp(io), newServe(io), newAggregate(io), newPublish(io), newSubscribe(io), newBroker(io), newTopics(io))
	add(useGroup, newTUI(io), newSend(io), newWatch(io), newReplay(io), newToken(io), newControl(io))
	add(measureGroup, newBench(io))
	add(inspectGroup, newConsume(io), newStats(io), newExport(io), newDoctor(io, &quietColor))
	add(otherGroup, newConfig(io), newCompletion(io), newMan(io), newHealthcheck(), newVersion(io))
	addHelp(root)
	refuseWrongArguments(root)
	completeValues(root)
	return root
}
