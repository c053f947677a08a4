package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
)

func newWatch(io streams) *cobra.Command {
	var (
		f       clientFlags
		out     outputFlag
		windows int
	)
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Follow what the crowd feels, as text or JSON lines",
		Long: `Watch registers as every client does, follows the swarms of a channel and prints a
line for each window; one that has grown since is printed again. It reconnects by
itself and resumes where it was.`,
		Example: `  emostream watch
  emostream watch -o json | jq -r '.emojis[0].emoji_type'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.client("", "")
			if err != nil {
				return err
			}
			asJSON := out.json()
			if windows < 0 {
				return usagef("--windows %d: want at least 0", windows)
			}
			p := &swarmPrinter{out: io.out, err: io.err, json: asJSON}
			c.OnChannel = p.channel
			seen := 0
			err = c.Watch(cmd.Context(), f.channel, func(s wire.Swarm, raw []byte) error {
				if err := p.swarm(s, raw); err != nil {
					return err
				}
				if seen++; seen == windows {
					return errEnough
				}
				return nil
			}, p.state)
			if errors.Is(err, errEnough) {
				return nil
			}
			if err == nil && windows > 0 {
				return errInterrupted
			}
			return err
		},
	}
	f.add(cmd)
	out.add(cmd)
	cmd.Flags().IntVarP(&windows, "windows", "n", 0, "end after so many lines; 0: never")
	return cmd
}

// swarmPrinter prints swarms as they come. It prints on stderr when the connection
// changes.
type swarmPrinter struct {
	out, err     io.Writer
	json         bool
	newest       int64
	wasConnected bool
	restricted   bool // the channel is not open
}

// maxShown is how many emojis a line of text lists.
const maxShown = 10

// swarm prints a swarm. It marks a window as revised if a window with the same end or a
// later one was printed before.
func (p *swarmPrinter) swarm(s wire.Swarm, raw []byte) error {
	if p.json {
		_, err := fmt.Fprintf(p.out, "%s\n", text.EscapeJSON(raw))
		return err
	}
	revised := ""
	if s.Window.End <= p.newest {
		revised = "  (revised)"
	}
	p.newest = max(p.newest, s.Window.End)
	_, err := fmt.Fprintf(p.out, "%s  %6d  %s%s\n", time.UnixMilli(s.Window.End).Format(time.TimeOnly), s.Total, emojiCounts(s), revised)
	return err
}

// emojiCounts lists the most frequent emojis of a swarm.
func emojiCounts(s wire.Swarm) string {
	if len(s.Emojis) == 0 {
		return "quiet"
	}
	var parts []string
	for i, t := range s.Emojis {
		if i == maxShown {
			parts = append(parts, fmt.Sprintf("and %d more", len(s.Emojis)-maxShown))
			break
		}
		parts = append(parts, fmt.Sprintf("%s %d", text.Clean(t.Emoji), t.Count))
	}
	return strings.Join(parts, "  ")
}

// state prints that the connection has changed.
func (p *swarmPrinter) state(s sse.State, at wire.Assignment) {
	switch s.Phase {
	case sse.Live:
		p.wasConnected = true
		stream, _, _ := strings.Cut(s.URL, "?")
		_, _ = fmt.Fprintf(p.err, "watching %s at %s\n", text.Clean(at.ServerName), text.Clean(text.HideSecrets(stream)))
	case sse.Reconnecting:
		why := text.Clean(text.HideSecrets(client.Explain(s.Err).Error()))
		if !client.Unreached(s.Err) {
			what := "cannot connect"
			if p.wasConnected {
				what = "connection lost"
			}
			why = fmt.Sprintf("%s (%s)", what, why)
		}
		_, _ = fmt.Fprintf(p.err, "%s; trying again in %v\n", why, s.Wait.Round(100*time.Millisecond))
	case sse.Connecting:
	}
}

// channel prints that a channel is not open any more, or open again.
func (p *swarmPrinter) channel(s wire.ChannelState) {
	is := client.ChannelText(s, time.Now())
	switch {
	case is != "":
		_, _ = fmt.Fprintf(p.err, "the channel is %s\n", is)
	case p.restricted:
		_, _ = fmt.Fprintln(p.err, "the channel is open again")
	}
	p.restricted = is != ""
}

// watchUntil prints swarms until ctx ends, or until the window of the last reaction is
// printed. last returns when that reaction was accepted, or zero while more are to be
// sent.
func watchUntil(ctx context.Context, c *client.Client, channel string, p *swarmPrinter, last func() time.Time) error {
	err := c.Watch(ctx, channel, func(s wire.Swarm, raw []byte) error {
		if err := p.swarm(s, raw); err != nil {
			return err
		}
		if at := last(); !at.IsZero() && s.Window.End > at.UnixMilli() {
			return errEnough
		}
		return nil
	}, p.state)
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}
