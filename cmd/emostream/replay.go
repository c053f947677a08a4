package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/inspect/replay"
	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/wire"
)

// replayFlags are the settings of replay.
type replayFlags struct {
	spanFlags
	server      string
	speed       string
	toChannel   string
	connections int
	patience    time.Duration
	out         outputFlag
}

func newReplay(io streams) *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay [FILE]",
		Short: "Send recorded reactions again, at their own or another speed",
		Long: `Replay sends recorded reactions to a main server, with the time between them that
there was, or at another speed. It reads a span of emoji-topic or, when a file is
named, JSON lines: what "emostream export --what reactions" writes, and any lines
of {"user_id","emoji_type"} with an optional "channel", "count" and "time"; - is
stdin.

It is truthful: every reaction that was read is reported as accepted, refused (by
the server's code), in doubt (an answer is missing) or not sent. Only what was
certainly not written is sent again, for --patience; then the replay ends.`,
		Example: `  emostream replay --last 10m --to-channel again
  emostream replay --from 2026-11-23 --to 2026-11-24 --speed 100
  emostream replay reactions.jsonl --speed max`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, io, args) },
	}
	f.add(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.server, "server", defaultServer, "base URL of the main server to send to")
	fl.StringVar(&f.speed, "speed", "1", "how many times as fast as it was recorded, as in 100 or 0.5; max: as fast as the server takes them")
	fl.StringVar(&f.toChannel, "to-channel", "", "channel to send all of them to; default each to its own")
	fl.IntVar(&f.connections, "connections", 4, "requests under way at once, at most")
	fl.DurationVar(&f.patience, "patience", 30*time.Second, "how long what was certainly not written is sent again")
	f.out.add(cmd)
	return cmd
}

func (f *replayFlags) run(cmd *cobra.Command, io streams, args []string) error {
	asJSON, err := f.out.json()
	if err != nil {
		return err
	}
	cfg, err := f.config()
	if err != nil {
		return err
	}
	filter, err := f.filter()
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	cfg.Progress = f.progress(io.err)
	send := func(from replay.Recording, gone func() int64) (replay.Report, error) {
		r, err := replay.Run(ctx, cfg, replay.Only(filter, from))
		r.Gone = gone()
		return r, errors.Join(f.tell(io, r, asJSON), judgeReplay(ctx, r, err))
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
	if err := f.whole(cmd); err != nil {
		return err
	}
	in, err := openRecording(io.in, args[0])
	if err != nil {
		return err
	}
	defer in.Close()
	r, err := send(replay.Lines(interruptible(ctx, in)), func() int64 { return 0 })
	if err == nil && r.Skipped > 0 { // in a topic they may be anybody's
		err = fmt.Errorf("not all lines are reactions: %s", printable(r.SkipNote))
	}
	return err
}

// config checks what is sent how.
func (f *replayFlags) config() (replay.Config, error) {
	c := &client.Client{Server: f.server}
	if err := c.Check(); err != nil {
		return replay.Config{}, usagef("--%w", err)
	}
	if f.toChannel != "" && !wire.ValidChannel(f.toChannel) {
		return replay.Config{}, usagef("--to-channel %.40q: 1 to %d of A-Z a-z 0-9 . _ - are allowed", f.toChannel, wire.MaxChannel)
	}
	if f.connections < 1 || f.connections > 64 || f.patience < time.Millisecond {
		return replay.Config{}, usagef("--connections wants 1 to 64, and --patience more than 0")
	}
	speed, err := strconv.ParseFloat(f.speed, 64)
	switch {
	case f.speed == "max":
		speed = 0
	case err != nil || !(speed >= 0.001 && speed <= 1e6):
		return replay.Config{}, usagef("--speed %.20q: want 0.001 to 1000000, as in 1 or 100, or max", f.speed)
	}
	c.HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: f.connections, Proxy: http.ProxyFromEnvironment}}
	return replay.Config{Server: c, Speed: speed, Channel: f.toChannel, Connections: f.connections, Patience: f.patience}, nil
}

// whole refuses flags of the topic's beside a file.
func (f *replayFlags) whole(cmd *cobra.Command) error {
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

// tell reports what became of the reactions.
func (f *replayFlags) tell(io streams, r replay.Report, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(io.out).Encode(r)
	}
	w := &errWriter{w: io.out}
	row := func(n int64, what, about string) {
		w.printf("%s\n", strings.TrimRight(fmt.Sprintf("%-12s%12s  %s", what, thousands(n), printable(about)), " "))
	}
	row(r.Read, "read", "reactions of the recording")
	row(r.Accepted, "accepted", took(r))
	for _, code := range slices.Sorted(maps.Keys(r.Refused)) {
		row(r.Refused[code], "refused", code)
	}
	optional := func(n int64, what, about string) {
		if n > 0 {
			row(n, what, about)
		}
	}
	optional(r.InDoubt, "in doubt", "counted once or not at all: their answer is missing")
	unsent := "certainly not counted"
	if r.UnsentNote != "" {
		unsent += "; " + f.notTaken(r.UnsentNote)
	}
	optional(r.Unsent, "not sent", unsent)
	optional(r.Skipped, "skipped", "no reactions: "+r.SkipNote)
	optional(r.Gone, "gone", "records that retention removed before they were read")
	if f.speed != "max" {
		w.printf("%-12s%12s  behind the recording, at most\n", "late", ms(r.LateMS).String())
	}
	return w.err
}

// took is how long a replay took, and how fast it was then.
func took(r replay.Report) string {
	s := "in " + ms(r.TookMS).String()
	if r.TookMS >= 1000 {
		s += fmt.Sprintf(", %s a second", thousands(r.Accepted*1000/r.TookMS))
	}
	return s
}

// judgeReplay is the error that a replay ends with.
func judgeReplay(ctx context.Context, r replay.Report, err error) error {
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case err != nil:
		return fmt.Errorf("replay: %w", err)
	case r.Gone > 0:
		return errors.New("not all was replayed: retention was quicker; replay faster, or keep emoji-topic for longer")
	case r.Accepted < r.Read:
		return fmt.Errorf("not all reactions were accepted: %s", printable(r.Reason))
	}
	return nil
}

// progress tells how far a replay is, and, when that changes, why it comes no further.
func (f *replayFlags) progress(w io.Writer) func(replay.Report) {
	why := ""
	return func(r replay.Report) {
		line := replayProgress(r)
		switch {
		case r.NotTaken == why:
		case r.NotTaken != "":
			line += "\n" + printable(f.notTaken(r.NotTaken))
		default:
			line += "\nthe server takes reactions again"
		}
		why = r.NotTaken
		_, _ = fmt.Fprintln(w, line)
	}
}

// notTaken is why a server did not take reactions, and which it is.
func (f *replayFlags) notTaken(reason string) string {
	if strings.Contains(reason, f.server) {
		return "not taken: " + reason
	}
	return "not taken by " + f.server + ": " + reason
}

// replayProgress is how far a replay is.
func replayProgress(r replay.Report) string {
	s := fmt.Sprintf("%s read, %s accepted", thousands(r.Read), thousands(r.Accepted))
	if n := r.RefusedAll(); n > 0 {
		s += fmt.Sprintf(", %s refused", thousands(n))
	}
	if r.InDoubt > 0 {
		s += fmt.Sprintf(", %s in doubt", thousands(r.InDoubt))
	}
	if r.At != 0 {
		s += fmt.Sprintf("; at %s of the recording", wire.Time(r.At))
	}
	if r.LateMS > 1000 {
		s += fmt.Sprintf("; up to %v late", ms(r.LateMS).Round(time.Second))
	}
	return s
}

// interruptible is a reader that ends with ctx. A read that nothing ends, as one of a
// terminal, goes on in the background: the program is about to end then.
func interruptible(ctx context.Context, in io.Reader) io.Reader {
	out, from := io.Pipe()
	go func() {
		_, err := io.CopyBuffer(from, in, make([]byte, 64<<10))
		_ = from.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { _ = out.CloseWithError(ctx.Err()) })
	return out
}
