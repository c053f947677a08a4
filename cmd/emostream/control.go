package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/quota"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
)

func newControl(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "control",
		Short: "Pause and slow channels, ban users and hide emojis while it runs",
		Long: `Control sets what is in force while an event runs. Every main server obeys within
a second, and what is set stays until it ends or somebody ends it, whatever is
restarted. It is written to the topic emostream-controls, or, where --server is
given and --brokers is not, to a main server that has keys: the token must hold
the scope emostream:manage.`,
	}
	cmd.AddCommand(
		newControlSet(io, controlCommand{
			use: "pause [CHANNEL]...", short: "Take no reactions in a channel for a while", set: controls.Control{Kind: controls.Channel, State: controls.Paused},
			example: "  emostream control pause\n  emostream control pause stage-2 --for 10m --reason 'back at eight'",
		}),
		newControlEnd(io, controlCommand{
			use: "resume [CHANNEL]...", short: "Let a channel go on that is paused, closed or slowed", set: controls.Control{Kind: controls.Channel},
			example: "  emostream control resume",
		}),
		newControlSet(io, controlCommand{
			use: "slow [CHANNEL]...", short: "Let each user send no more often than --per-user in a channel", set: controls.Control{Kind: controls.Channel, State: controls.Slowed},
			example: "  emostream control slow --per-user 1/s --for 5m",
		}),
		newControlSet(io, controlCommand{
			use: "close [CHANNEL]...", short: "Take no more reactions in a channel", set: controls.Control{Kind: controls.Channel, State: controls.Closed},
			example: "  emostream control close stage-2 --reason 'thank you all'",
		}),
		newControlSet(io, controlCommand{
			use: "ban USER...", short: "Take nothing from a user, and let it register no more", set: controls.Control{Kind: controls.User, State: controls.Banned},
			example: "  emostream control ban mallory --for 24h --reason spam",
		}),
		newControlEnd(io, controlCommand{
			use: "unban USER...", short: "Take reactions of a user again", set: controls.Control{Kind: controls.User},
			example: "  emostream control unban mallory",
		}),
		newControlSet(io, controlCommand{
			use: "hide EMOJI...", short: "Take an emoji no more, and show it on no screen", set: controls.Control{Kind: controls.Emoji, State: controls.Hidden},
			example: "  emostream control hide 🍆 :peach: --all-tones",
		}),
		newControlEnd(io, controlCommand{
			use: "show EMOJI...", short: "Take and show an emoji again", set: controls.Control{Kind: controls.Emoji},
			example: "  emostream control show 🍆",
		}),
		newControlList(io),
	)
	return cmd
}

// controlCommand is a command that changes what is in force for the names that are its
// arguments.
type controlCommand struct {
	use, short, example string
	set                 controls.Control
}

// command returns the command, which calls run with the names.
func (c controlCommand) command(f *controlFlags, allTones *bool, run func(cmd *cobra.Command, names []string) error) *cobra.Command {
	cmd := &cobra.Command{Use: c.use, Short: c.short, Example: c.example}
	f.add(cmd)
	cmd.Args = cobra.MinimumNArgs(1)
	switch c.set.Kind {
	case controls.Channel:
		cmd.Args = cobra.ArbitraryArgs
		cmd.ValidArgsFunction = completeFromKafka(recentChannels)
	case controls.Emoji:
		cmd.ValidArgsFunction = completeEmojis
		cmd.Flags().BoolVar(allTones, "all-tones", false, "the same emoji in every skin tone, too")
	case controls.User:
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		names, err := c.names(args, *allTones)
		if err != nil {
			return err
		}
		return run(cmd, names)
	}
	return cmd
}

// names returns the names that arguments stand for.
func (c controlCommand) names(args []string, allTones bool) (names []string, err error) {
	if len(args) == 0 {
		args = []string{wire.MainChannel}
	}
	for _, arg := range args {
		name, err := controls.CleanName(c.set.Kind, arg)
		if err != nil {
			return nil, usagef("%w", err)
		}
		names = append(names, name)
		if allTones {
			names = append(names, inOtherTones(name)...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// inOtherTones returns an emoji in every other skin tone, or in none. It returns nothing
// for one that has none.
func inOtherTones(e string) (others []string) {
	bare := withoutTones(e)
	for other := range emoji.All() {
		if s := string(other); s != e && withoutTones(s) == bare {
			others = append(others, s)
		}
	}
	return others
}

// withoutTones returns an emoji without its skin tones, and without the selectors that
// tones replace.
func withoutTones(e string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0x1F3FB && r <= 0x1F3FF || r == 0xFE0F {
			return -1
		}
		return r
	}, e)
}

// newControlSet returns a command that sets something.
func newControlSet(io streams, c controlCommand) *cobra.Command {
	var (
		f        controlFlags
		allTones bool
		until    string
		howLong  time.Duration
		perUser  string
		set      = c.set
	)
	cmd := c.command(&f, &allTones, func(cmd *cobra.Command, names []string) error {
		now := time.Now()
		switch {
		case howLong < 0:
			return usagef("--for %v: want how long from now, like 10m", howLong)
		case howLong > 0 && until != "":
			return usagef("--for and --until both say when it ends: give one of them")
		case until != "":
			t, err := time.Parse(time.RFC3339, until)
			if err != nil {
				return usagef("--until %.40q: want a time like %s, or --for 10m", until, now.UTC().Add(time.Hour).Format(time.RFC3339))
			}
			if !now.Before(t) {
				return usagef("--until %s: that time is over, it is %s now", until, now.Format(time.RFC3339))
			}
			set.Until = t
		}
		if set.State == controls.Slowed {
			rate, err := quota.ParseRate(perUser)
			if err != nil {
				return usagef("--per-user %w", err)
			}
			set.PerUser = rate
		}
		if err := wire.CheckControlReason(set.Reason); err != nil {
			return usagef("--reason: %w", err)
		}
		return f.change(cmd, io, c.set.Kind, names, func(ctx context.Context, to controlPlace, name string) (wire.ControlChange, error) {
			set.Name = name
			return to.set(ctx, set, howLong)
		})
	})
	fl := cmd.Flags()
	fl.StringVar(&until, "until", "", "when it ends by itself, as in 2026-11-23T20:00:00Z; default never")
	fl.DurationVar(&howLong, "for", 0, "after how long it ends by itself, as in 10m; default never")
	fl.StringVar(&set.Reason, "reason", "", "what people are told, at most 200 bytes")
	if set.State == controls.Slowed {
		fl.StringVar(&perUser, "per-user", "1/s", "how much each user may send, as in 1/s, 30/m or 2/s:10, which lets 10 through at once")
	}
	return cmd
}

// newControlEnd returns a command that ends something.
func newControlEnd(io streams, c controlCommand) *cobra.Command {
	var (
		f        controlFlags
		allTones bool
	)
	return c.command(&f, &allTones, func(cmd *cobra.Command, names []string) error {
		return f.change(cmd, io, c.set.Kind, names, func(ctx context.Context, to controlPlace, name string) (wire.ControlChange, error) {
			return to.end(ctx, c.set.Kind, name)
		})
	})
}

func newControlList(io streams) *cobra.Command {
	var f controlFlags
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "Tell what is in force",
		Example: "  emostream control list\n  emostream control list -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(cmd, func(ctx context.Context, from controlPlace) error {
				all, err := from.list(ctx)
				if err != nil {
					return err
				}
				if f.out.json() {
					return writeJSON(io.out, controlList{all})
				}
				return printControls(io, all)
			})
		},
	}
	f.add(cmd)
	return cmd
}

// controlFlags say where what is in force is changed.
type controlFlags struct {
	kafkaFlags
	tokenFlags
	trust  trustFlag
	server string
	out    outputFlag
}

func (f *controlFlags) add(cmd *cobra.Command) {
	f.kafkaFlags.add(cmd)
	cmd.Flags().StringVar(&f.server, "server", "", "base URL of a main server that has keys, to be asked in place of Kafka")
	f.tokenFlags.add(cmd)
	f.trust.add(cmd)
	f.out.add(cmd)
}

// controlPlace is where what is in force is changed: Kafka or a main server.
type controlPlace interface {
	// set sets something. It ends by itself after howLong, if that is not 0.
	set(ctx context.Context, c controls.Control, howLong time.Duration) (wire.ControlChange, error)
	end(ctx context.Context, kind controls.Kind, name string) (wire.ControlChange, error)
	list(ctx context.Context) ([]wire.Control, error)
}

// controlList is all that is in force.
type controlList struct {
	Controls []wire.Control `json:"controls"`
}

// with calls do with the place that the flags name.
func (f *controlFlags) with(cmd *cobra.Command, do func(context.Context, controlPlace) error) error {
	set, onCommandLine := func(name string) bool { return originOf(cmd.Flag(name)).Kind != fromDefault }, given(cmd)
	if onCommandLine("server") && onCommandLine("brokers") {
		return usagef("--server and --brokers name two places: give one of them")
	}
	if onCommandLine("server") || set("server") && !set("brokers") {
		return f.atServer(cmd.Context(), do)
	}
	return f.atKafka(cmd.Context(), do)
}

// change changes what is in force for each of the names, and prints what has changed.
func (f *controlFlags) change(cmd *cobra.Command, io streams, kind controls.Kind, names []string, one func(context.Context, controlPlace, string) (wire.ControlChange, error)) error {
	return f.with(cmd, func(ctx context.Context, to controlPlace) error {
		for i, name := range names {
			changed, err := one(ctx, to, name)
			if err != nil {
				if i > 0 {
					err = fmt.Errorf("%w (%d of %d were done)", err, i, len(names))
				}
				return err
			}
			if kind == controls.Channel && name != wire.MainChannel && strings.EqualFold(name, wire.MainChannel) {
				_, _ = fmt.Fprintf(io.err, "note: %s is not the channel %s: upper case and lower case are told apart\n", name, wire.MainChannel)
			}
			if changed.Note != "" {
				_, _ = fmt.Fprintln(io.err, text.Clean("note: "+changed.Note))
			}
			if f.out.json() {
				err = writeJSON(io.out, changed)
			} else {
				err = printChange(io, kind, name, changed)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
