package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/inspect/replay"
	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/text"
)

// replayFlags are the settings of replay.
type replayFlags struct {
	fromToFlags
	token       tokenFlags
	trust       trustFlag
	server      string
	speed       string
	toChannel   string
	connections int
	retryFor    time.Duration
	out         outputFlag
}

func newReplay(io streams) *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay [FILE]",
		Short: "Send recorded reactions again, at their own or another speed",
		Long: `Replay sends recorded reactions to a main server, with the time between them that
there was, or at another speed. It reads a span of emoji-topic or, when a file is
named, JSON lines or CSV: what "emostream export --what reactions" writes, and any
lines of {"user_id","emoji_type"} with an optional "channel", "count" and "time", or
columns of these names; - is stdin.

It is truthful: every reaction that was read is reported as accepted, refused (by
the server's code), in doubt (an answer is missing) or not sent. Only what was
certainly not written is sent again, for --patience; then the replay ends.

Reactions keep their users. Where the main server wants a token, the one of a replay
needs the scope emostream:as.`,
		Example: `  emostream replay --last 10m --to-channel again
  emostream replay --from 2026-11-23 --to 2026-11-24 --speed 100
  emostream replay reactions.jsonl --speed max`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, io, args) },
	}
	f.add(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.server, "server", defaultServer, "base URL of the main server to send to")
	f.token.add(cmd)
	f.trust.add(cmd)
	fl.StringVar(&f.speed, "speed", "1", "how many times as fast as it was recorded, as in 100 or 0.5; max: as fast as the server takes them")
	fl.StringVar(&f.toChannel, "to-channel", "", "channel to send all of them to; default each to its own")
	fl.IntVar(&f.connections, "connections", 4, "requests under way at once, at most")
	fl.DurationVar(&f.retryFor, "patience", 30*time.Second, "how long what was certainly not written is sent again")
	f.out.add(cmd)
	return cmd
}

func (f *replayFlags) run(cmd *cobra.Command, io streams, args []string) error {
	asJSON := f.out.json()
	cfg, err := f.config()
	if err != nil {
		return err
	}
	filter, err := f.filter()
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	cfg.Progress = f.printProgress(io.err)
	send := func(from replay.Recording, gone func() int64) (replay.Report, error) {
		r, err := replay.Run(ctx, cfg, replay.Only(filter, from))
		r.Gone = gone()
		return r, errors.Join(f.print(io, r, asJSON), replayExit(ctx, r, err))
	}
	if len(args) == 0 {
		from, to, err := f.bounds(time.Now())
		if err != nil {
			return err
		}
		return f.read(ctx, io, "replay", topicreader.Config{Topic: f.names().Reactions(), From: from, To: to}, func(s *topicreader.Range) error {
			_, err := send(replay.Records(s.Records(ctx)), func() int64 { return s.Progress().Gone })
			return err
		})
	}
	if err := f.checkWholeFile(cmd); err != nil {
		return err
	}
	in, err := openRecording(io.in, args[0])
	if err != nil {
		return err
	}
	defer in.Close()
	r, err := send(replay.Lines(untilDone(ctx, in)), func() int64 { return 0 })
	if err == nil && r.Skipped > 0 { // anybody may write to a topic, but in a file they are a mistake
		err = fmt.Errorf("not all lines are reactions: %s", text.Clean(r.SkipNote))
	}
	return err
}

// config checks the flags that say how to send.
func (f *replayFlags) config() (replay.Config, error) {
	c := &client.Client{Server: f.server}
	if err := c.Check(); err != nil {
		return replay.Config{}, settingError(err)
	}
	var err error
	if c.Token, err = f.token.source(f.server); err != nil {
		return replay.Config{}, err
	}
	if f.toChannel != "" {
		if err := checkChannel("--to-channel", f.toChannel); err != nil {
			return replay.Config{}, err
		}
	}
	if f.connections < 1 || f.connections > 64 || f.retryFor < time.Millisecond {
		return replay.Config{}, usagef("--connections wants 1 to 64, and --patience more than 0")
	}
	speed, err := strconv.ParseFloat(f.speed, 64)
	switch {
	case f.speed == "max":
		speed = 0
	case err != nil || !(speed >= 0.001 && speed <= 1e6):
		return replay.Config{}, usagef("--speed %.20q: want 0.001 to 1000000, as in 1 or 100, or max", f.speed)
	}
	trusts, err := f.trust.config()
	if err != nil {
		return replay.Config{}, err
	}
	c.HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: f.connections, Proxy: http.ProxyFromEnvironment, TLSClientConfig: trusts}}
	return replay.Config{Server: c, Speed: speed, Channel: f.toChannel, Connections: f.connections, RetryFor: f.retryFor}, nil
}

// checkWholeFile refuses flags that choose a range, which a file does not have.
func (f *replayFlags) checkWholeFile(cmd *cobra.Command) error {
	for _, name := range []string{"from", "to", "last"} {
		if cmd.Flags().Changed(name) {
			return usagef("--%s is for what Kafka holds: a file is sent whole", name)
		}
	}
	return nil
}

// openRecording opens a file; - is stdin.
func openRecording(stdin io.Reader, path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(stdin), nil
	}
	in, err := os.Open(path)
	if err != nil {
		return nil, usagef("recording: %w", err)
	}
	return in, nil
}
