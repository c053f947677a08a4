package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/tui"
)

// tuiFlags are the settings of tui.
type tuiFlags struct {
	clientFlags
	themeFlags
	user    string
	palette string
	mouse   bool
	fps     int
}

func newTUI(io streams) *cobra.Command {
	var f tuiFlags
	cmd := &cobra.Command{
		Use:   "tui",
		Short: "Join the crowd: see what it feels, and tap",
		Long: `Tui shows what the crowd feels, window by window, and lets you be part of it: every
press of a key is a tap. It registers as every client does, reconnects by itself and
resumes where it was. Press ? in it for its keys, i for its instruments.`,
		Example: `  emostream tui
  emostream tui --channel stage-2 --palette "🔥 :tada: 💖"
  emostream tui --server http://emo.example:5000 --ascii`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), io) },
	}
	f.clientFlags.add(cmd)
	f.themeFlags.add(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.user, "user", "", "user id to tap as; default that of the token, or a new one")
	fl.StringVar(&f.palette, "palette", "", "emojis or shortcodes on the keys 1 to 9; default those that the server offers")
	fl.BoolVar(&f.mouse, "mouse", false, "a click on the palette is a tap")
	fl.IntVar(&f.fps, "fps", 30, "frames a second, 1 to 60")
	return cmd
}

// config checks the flags and returns the configuration of the interactive client.
func (f *tuiFlags) config() (tui.CrowdConfig, error) {
	cfg := tui.CrowdConfig{Channel: f.channel, Mouse: f.mouse, FPS: f.fps}
	if err := f.check(); err != nil {
		return cfg, err
	}
	if f.fps < 1 || f.fps > 60 {
		return cfg, usagef("--fps %d: want 1 to 60", f.fps)
	}
	if len(f.user) > wire.MaxUserID {
		return cfg, usagef("--user has %d bytes: up to %d are allowed", len(f.user), wire.MaxUserID)
	}
	for _, word := range strings.FieldsFunc(f.palette, func(r rune) bool { return r == ' ' || r == ',' }) {
		e, err := emoji.Parse(word)
		if err != nil {
			return cfg, usagef("--palette: %w", err)
		}
		cfg.Palette = append(cfg.Palette, string(e))
	}
	if n := len(cfg.Palette); f.palette != "" && (n < 1 || n > 9) {
		return cfg, usagef("--palette has %d emojis: want 1 to 9, with spaces between", n)
	}
	return cfg, nil
}

func (f *tuiFlags) run(ctx context.Context, io streams) error {
	c, err := f.client(f.user, "user_"+strings.ToLower(rand.Text()[:12]))
	if err != nil {
		return err
	}
	cfg, err := f.config()
	if err != nil {
		return err
	}
	if !isTerminal(io.out) || !isTerminal(io.in) {
		return usagef("tui draws on a terminal, and stdin or stdout is none: use emostream watch and emostream send in pipes")
	}
	return runFullscreen(ctx, io, func(ctx context.Context) error {
		outbox, err := tui.ShowCrowd(ctx, cfg, *c, f.terminal(io.in, io.out))
		if summary := tapSummary(outbox); summary != "" {
			_, _ = fmt.Fprintln(io.err, summary)
		}
		return err
	})
}

// tapSummary says what became of the taps; empty if there were none.
func tapSummary(o tui.TapQueue) string {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{
		{o.Accepted, "counted"},
		{o.Refused, "refused"},
		{o.InDoubt, "in doubt (counted or not)"},
		{o.NotSent + o.Waiting(), "not sent"},
		{o.Pending() - o.Waiting(), "sent without an answer (counted or not)"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "your taps: " + strings.Join(parts, ", ")
}
