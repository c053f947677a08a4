package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/sleep"
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
(:fire:) is an emoji too.`,
		Example: `  emostream send 🔥
  emostream send :tada: 💖 --count 20
  yes 🎉 | head -1000 | emostream send --rate 200 --watch`,
		ValidArgsFunction: emojis,
		RunE:              func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), io, args) },
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.user, "user", "emostream-send", "user id to send as")
	cmd.Flags().IntVar(&f.count, "count", 1, "how many of each emoji")
	cmd.Flags().Float64Var(&f.rate, "rate", 0, "reactions a second; 0: as fast as the server takes them")
	cmd.Flags().BoolVar(&f.watch, "watch", false, "follow the stream too, until what was sent has been shown")
	f.out.add(cmd)
	return cmd
}

func (f *sendFlags) run(ctx context.Context, io streams, args []string) error {
	c, err := f.client(f.user)
	if err != nil {
		return err
	}
	asJSON, err := f.out.json()
	if err != nil {
		return err
	}
	if f.count < 1 || f.rate < 0 || f.rate > 1e6 {
		return usagef("--count wants at least 1, and --rate 0 to 1000000")
	}
	for _, a := range args {
		if _, err := emoji.Parse(a); err != nil {
			return &exitError{exitUsage, err}
		}
	}
	words := func(yield func(string, error) bool) {
		for _, a := range args {
			if !yield(a, nil) {
				return
			}
		}
	}
	if len(args) == 0 {
		words = wordsOf(ctx, io.in)
	}
	s := &sender{flags: f, client: c}
	var watching sync.WaitGroup
	if f.watch {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		watching.Go(func() {
			_ = watchUntil(ctx, c, f.channel, &swarmPrinter{out: io.out, err: io.err, json: asJSON}, s.lastAccepted)
		})
	}
	err = s.sendAll(ctx, words)
	s.finish()
	if err == nil && s.report == (sendReport{}) {
		return usagef("nothing to send: give emojis as arguments, or on stdin")
	}
	if err == nil && s.report.Accepted > 0 {
		watching.Wait()
	}
	if asJSON && !f.watch {
		err = errors.Join(err, json.NewEncoder(io.out).Encode(s.report))
	} else {
		_, _ = fmt.Fprintln(io.err, s.report)
	}
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case err != nil:
		return err
	case s.report.Rejected+s.report.InDoubt > 0:
		return fmt.Errorf("not all reactions were accepted: %s", cmp.Or(printable(s.report.Reason), s.report.String()))
	}
	return nil
}

// wordsOf yields what is separated by white space, as soon as it is there, until
// ctx ends. A read that nothing ends goes on in the background: the program is
// about to end then.
func wordsOf(ctx context.Context, in io.Reader) iter.Seq2[string, error] {
	type word struct {
		text string
		err  error
	}
	return func(yield func(string, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		words := make(chan word)
		give := func(w word) bool {
			select {
			case words <- w:
				return true
			case <-ctx.Done():
				return false
			}
		}
		go func() {
			defer close(words)
			s := bufio.NewScanner(in)
			s.Split(bufio.ScanWords)
			for s.Scan() {
				if !give(word{text: s.Text()}) {
					return
				}
			}
			if err := s.Err(); err != nil {
				give(word{err: fmt.Errorf("read stdin: %w", err)})
			}
		}()
		for {
			select {
			case w, more := <-words:
				if !more || !yield(w.text, w.err) {
					return
				}
			case <-ctx.Done():
				yield("", ctx.Err())
				return
			}
		}
	}
}

// sendReport is what became of everything sent.
type sendReport struct {
	Accepted int    `json:"accepted"`
	Rejected int    `json:"rejected"`
	InDoubt  int    `json:"in_doubt"`
	Unsent   int    `json:"unsent"`           // never reached the server
	Reason   string `json:"reason,omitempty"` // of the first that was not accepted
}

func (r sendReport) String() string {
	s := fmt.Sprintf("%d accepted", r.Accepted)
	if r.Rejected > 0 {
		s += fmt.Sprintf(", %d refused", r.Rejected)
	}
	if r.InDoubt > 0 {
		s += fmt.Sprintf(", %d in doubt", r.InDoubt)
	}
	if r.Unsent > 0 {
		s += fmt.Sprintf(", %d not sent", r.Unsent)
	}
	if r.Reason != "" {
		s += ": " + printable(r.Reason)
	}
	return s
}

// sender sends reactions in the order of their words.
type sender struct {
	flags  *sendFlags
	client *client.Client
	report sendReport

	mu   sync.Mutex
	last time.Time // accepted_at of the last one
	done bool      // nothing more is to come
}

// Sizes of a request.
const (
	mostItems = 500 // reactions in a request
	mostCount = 100 // taps that one of them stands for
)

// lastAccepted is when the last reaction was accepted, once all were sent.
func (s *sender) lastAccepted() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.done {
		return time.Time{}
	}
	return s.last
}

func (s *sender) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = true
}

// sendAll sends every word as often as was asked for, at the rate that was asked
// for, counted from the start.
func (s *sender) sendAll(ctx context.Context, words iter.Seq2[string, error]) error {
	start, sent := time.Now(), 0
	var batch []client.Reaction
	for word, err := range words {
		if err != nil {
			return err
		}
		for left := s.flags.count; left > 0; {
			n := min(left, mostCount)
			if s.flags.rate > 0 {
				n = 1
				due := start.Add(time.Duration(float64(sent) / s.flags.rate * float64(time.Second)))
				if err := sleep.Until(ctx, due); err != nil {
					return err
				}
			}
			batch = append(batch, client.Reaction{UserID: s.flags.user, Emoji: word, Channel: s.flags.channel, Count: n})
			left, sent = left-n, sent+n
			if len(batch) == mostItems || s.flags.rate > 0 {
				if err := s.send(ctx, batch); err != nil {
					return err
				}
				batch = batch[:0]
			}
		}
	}
	return s.send(ctx, batch)
}

// patience is how long send goes on offering what was certainly not written.
const patience = 15 * time.Second

func (s *sender) send(ctx context.Context, batch []client.Reaction) error {
	if len(batch) == 0 {
		return nil
	}
	outcomes, err := s.client.Send(ctx, batch)
	for give := time.Now().Add(patience); client.OutcomeOf(err) == client.NotWritten && !client.Unreached(err) && time.Now().Before(give); {
		if err := sleep.For(ctx, time.Second); err != nil {
			return err
		}
		outcomes, err = s.client.Send(ctx, batch)
	}
	if err != nil {
		n := taps(batch)
		switch outcome := client.OutcomeOf(err); {
		case client.Unreached(err):
			s.report.Unsent += n
		case outcome == client.InDoubt:
			s.report.InDoubt += n
		default:
			s.report.Rejected += n
		}
		return err
	}
	for i, o := range outcomes {
		n := max(1, batch[i].Count)
		switch o.Outcome() {
		case client.Accepted:
			s.report.Accepted += n
			s.mu.Lock()
			s.last = o.AcceptedAt
			s.mu.Unlock()
			continue
		case client.InDoubt:
			s.report.InDoubt += n
		case client.Refused, client.NotWritten:
			s.report.Rejected += n
		}
		if s.report.Reason == "" {
			s.report.Reason = o.Message
		}
	}
	return nil
}

func taps(batch []client.Reaction) int {
	n := 0
	for _, r := range batch {
		n += max(1, r.Count)
	}
	return n
}
