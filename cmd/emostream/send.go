package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/text"
)

// sendFlags are the settings of send.
type sendFlags struct {
	clientFlags
	user  string
	count int
	rate  float64
	watch bool
	out   outputFlag
}

func newSend(io streams) *cobra.Command {
	var f sendFlags
	cmd := &cobra.Command{
		Use:   "send [EMOJI...]",
		Short: "Send emojis from the command line, or from stdin",
		Long: `Send sends reactions and reports how many were accepted. Emojis are given as
arguments, or without any read from stdin, separated by white space. A shortcode
(:fire:) is an emoji too.

It ends when the server cannot be reached, and says how much was not sent; replay
sends again for --patience what was certainly not written.`,
		Example: `  emostream send 🔥
  emostream send :tada: 💖 --count 20
  yes 🎉 | head -1000 | emostream send --rate 200 --watch`,
		ValidArgsFunction: completeEmojis,
		RunE:              func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), io, args) },
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.user, "user", "", "user id to send as; default that of the token, or emostream-send")
	cmd.Flags().IntVar(&f.count, "count", 1, "how many of each emoji")
	cmd.Flags().Float64Var(&f.rate, "rate", 0, "reactions a second; 0: as fast as the server takes them")
	cmd.Flags().BoolVar(&f.watch, "watch", false, "follow the stream too, until what was sent has been shown")
	f.out.add(cmd)
	return cmd
}

func (f *sendFlags) run(ctx context.Context, io streams, args []string) error {
	c, err := f.client(f.user, "emostream-send")
	if err != nil {
		return err
	}
	asJSON := f.out.json()
	if f.count < 1 || f.rate < 0 || f.rate > 1e6 {
		return usagef("--count wants at least 1, and --rate 0 to 1000000")
	}
	for _, a := range args {
		if _, err := emoji.Parse(a); err != nil {
			return &exitError{exitUsage, err}
		}
	}
	reading, stopReading := context.WithCancel(ctx)
	defer stopReading()
	words := func(yield func(string, error) bool) {
		for _, a := range args {
			if !yield(a, nil) {
				return
			}
		}
	}
	if len(args) == 0 {
		words = readWords(reading, io.in)
	}
	s := &sender{flags: f, client: c}
	var watching sync.WaitGroup
	if f.watch {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		p := &swarmPrinter{out: io.out, err: io.err, json: asJSON}
		c.OnChannel = p.channel
		watching.Go(func() {
			_ = watchUntil(ctx, c, f.channel, p, s.lastAccepted)
		})
	}
	next, stop := iter.Pull2(words)
	defer stop()
	if err = s.sendAll(ctx, next); err != nil {
		defer time.AfterFunc(countFor, stopReading).Stop()
		s.countRest(next, len(args) == 0)
	}
	s.finish()
	if err == nil && s.report == (sendReport{}) {
		return usagef("nothing to send: give emojis as arguments, or on stdin")
	}
	if err == nil && s.report.Accepted > 0 {
		watching.Wait()
	}
	if asJSON && !f.watch {
		err = errors.Join(err, writeJSON(io.out, s.report))
	} else {
		line := s.report.String()
		if err != nil && s.report.Reason != "" { // else the error of this command says why
			line += ": " + text.Clean(s.report.Reason)
		}
		_, _ = fmt.Fprintln(io.err, line)
	}
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case err != nil:
		return err
	case s.report.Rejected+s.report.InDoubt > 0:
		return fmt.Errorf("not all reactions were accepted: %s", cmp.Or(text.Clean(s.report.Reason), s.report.String()))
	}
	return nil
}

// countFor is how long send goes on reading stdin after it has given up, to say how much
// was not sent. A terminal or a program may not end it at all.
const countFor = time.Second

// readWords yields the words of in, which are separated by white space, until in or ctx
// ends. It yields each as soon as it is read. A byte order mark before one is no part of
// it: files that are joined have one in front of each.
func readWords(ctx context.Context, in io.Reader) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		out := untilDone(ctx, in)
		defer out.Close()
		s := bufio.NewScanner(text.SkipMark(out))
		s.Split(bufio.ScanWords)
		for s.Scan() {
			word := strings.TrimPrefix(s.Text(), text.ByteOrderMark)
			if word != "" && !yield(word, nil) {
				return
			}
		}
		switch err := s.Err(); {
		case ctx.Err() != nil:
			yield("", ctx.Err())
		case err != nil:
			yield("", fmt.Errorf("read stdin: %w", err))
		}
	}
}
