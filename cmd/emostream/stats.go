package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/inspect/stats"
	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

type statsFlags struct {
	fromToFlags
	follow bool
	every  time.Duration
	window time.Duration
	top    int
	chart  bool
	out    outputFlag
}

func newStats(io streams) *cobra.Command {
	var f statsFlags
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Tell what is tapped most, how fast, by how many people and where",
		Long: `Stats adds up the reactions in emoji-topic: of a span, or, when none is named, live
from now on. It joins no consumer group, so that it takes nothing from anybody. Live
it has the terminal's screen until q, and prints its last table then.

Users are estimated with a standard error of 0.8 %, and are nearly exact up to some
thousand. A reaction belongs to the window of its record's own time. Emojis beyond
5,000 and channels beyond 1,000 are counted together.`,
		Example: `  emostream stats
  emostream stats --last 10m --chart
  emostream stats --from 2026-11-23T14:00:00Z --to 2026-11-23T15:00:00Z -o json
  emostream stats --from 0 --channel main --top 20      # the whole topic`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), io) },
	}
	f.add(cmd)
	fl := cmd.Flags()
	fl.BoolVar(&f.follow, "follow", false, "after the span go on as reactions come, until interrupted")
	fl.DurationVar(&f.every, "every", 2*time.Second, "live: how often to tell")
	fl.DurationVar(&f.window, "window", windowing.DefaultWindow, "length of the windows that the peak is one of")
	fl.IntVar(&f.top, "top", 10, "how many emojis and channels to list")
	fl.BoolVar(&f.chart, "chart", false, "draw the course of the rate, and bars")
	f.out.add(cmd)
	return cmd
}

func (f *statsFlags) run(ctx context.Context, io streams) error {
	asJSON := f.out.json()
	if err := f.check(); err != nil {
		return err
	}
	filter, err := f.filter()
	if err != nil {
		return err
	}
	now := time.Now()
	from, to, err := f.bounds(now)
	if err != nil {
		return err
	}
	live := f.follow
	if from == (topicreader.Bound{}) && to == (topicreader.Bound{}) && !f.follow {
		live, from = true, topicreader.At(now)
	}
	cfg := topicreader.Config{Topic: f.names().Reactions(), From: from, To: to, Follow: live}
	if !live {
		cfg.Progress = readingProgress(io.err)
	}
	view := &statsView{out: io.out, topic: cfg.Topic, live: live, chart: f.chart, json: asJSON, query: f.query(from, to, now)}
	if live && !asJSON && isTerminal(io.out) {
		return f.runOnScreen(ctx, io, cfg, filter, view)
	}
	err = f.read(ctx, io, "stats", cfg, func(s *topicreader.Range) error {
		c := f.newCounter(s, filter)
		view.counter = c
		if live {
			return f.printRepeatedly(ctx, c, view)
		}
		if err := c.run(ctx); err != nil {
			return err
		}
		return view.show(time.Time{})
	})
	switch {
	case ctx.Err() != nil && live:
		return nil
	case ctx.Err() != nil:
		return errInterrupted
	}
	return err
}

func (f *statsFlags) check() error {
	switch {
	case f.follow && f.to != "":
		return usagef("--follow goes on for ever, so that --to makes no sense beside it")
	case f.top < 1 || f.top > 1000:
		return usagef("--top %d: want 1 to 1000", f.top)
	case f.window < 100*time.Millisecond || f.window > 24*time.Hour || f.window%time.Millisecond != 0:
		return usagef("--window %v: want whole milliseconds from 100ms to 24h", f.window)
	case f.every < 100*time.Millisecond:
		return usagef("--every %v: want at least 100ms", f.every)
	}
	return nil
}

// chartPoints is how many columns the chart of the rate has.
const chartPoints = 72

// query returns what a report covers and lists.
func (f *statsFlags) query(from, to topicreader.Bound, now time.Time) stats.Selection {
	a := stats.Selection{Top: f.top, Points: chartPoints}
	if !from.Time.IsZero() {
		a.From = from.Time.UnixMilli()
	}
	switch {
	case !to.Time.IsZero():
		a.To = to.Time.UnixMilli()
	case !from.Time.IsZero() && to.Offset == nil:
		a.To = now.UnixMilli()
	}
	return a
}

// printRepeatedly counts, and prints a report at intervals until ctx ends, and a last
// one then.
func (f *statsFlags) printRepeatedly(ctx context.Context, c *statsCounter, view *statsView) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var reading sync.WaitGroup
	reading.Go(func() { cancel(c.run(ctx)) })
	tick := time.NewTicker(f.every)
	defer tick.Stop()
	for {
		err := view.show(time.Now())
		if err == nil {
			select {
			case <-tick.C:
				continue
			case <-ctx.Done():
				err = context.Cause(ctx)
			}
		}
		cancel(err)
		reading.Wait()
		if errors.Is(err, context.Canceled) {
			return view.show(time.Now())
		}
		return err
	}
}

// newCounter returns a counter of the reactions of a range that filter lets through.
func (f *statsFlags) newCounter(s *topicreader.Range, filter topicreader.Filter) *statsCounter {
	return &statsCounter{statistics: stats.New(stats.Config{Window: f.window}), filter: filter, topic: s}
}

// statsCounter counts the reactions of a range.
type statsCounter struct {
	topic  *topicreader.Range
	filter topicreader.Filter

	mu         sync.Mutex // guards what follows, which a live view reads
	statistics *stats.Statistics
	unread     topicreader.Progress
}

func (c *statsCounter) run(ctx context.Context) error {
	err := c.topic.Each(ctx, func(_ int, records []stream.Record) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, r := range records {
			c.add(r)
		}
		c.unread = c.topic.Progress()
		return nil
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unread = c.topic.Progress()
	return err
}

func (c *statsCounter) add(r stream.Record) {
	t, err := wire.DecodeReactionFields(r.Value)
	switch {
	case err != nil:
		c.statistics.Skip()
	case c.filter.WantsAll() || c.filter.Wants(string(t.Channel), string(t.Emoji)):
		c.statistics.Add(r.Time, t)
	}
}

func (c *statsCounter) report(a stats.Selection) stats.Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.statistics.Report(a)
	r.Gone, r.Blocked = c.unread.Gone, c.unread.Blocked
	r.Skipped += c.unread.Skipped
	return r
}

// statsView makes reports and prints them.
type statsView struct {
	out     io.Writer
	topic   string
	live    bool
	chart   bool
	json    bool
	query   stats.Selection
	counter *statsCounter
}

// report returns what was counted so far. A live report ends now.
func (v *statsView) report(now time.Time) stats.Report {
	if v.live {
		v.query.To = now.UnixMilli()
	}
	return v.counter.report(v.query)
}

// show prints a report.
func (v *statsView) show(now time.Time) error {
	r := v.report(now)
	if v.json {
		return writeJSON(v.out, r)
	}
	lines := statsLines(r, v.topic, v.live, v.chart)
	if v.live {
		lines = append(lines, "")
	}
	_, err := fmt.Fprintln(v.out, strings.Join(lines, "\n"))
	return err
}
