package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/inspect/watermark"
	"github.com/emostream/emostream/internal/text"
)

// resetWatermarkFlags are the flags of topics reset-watermark.
type resetWatermarkFlags struct {
	kafkaFlags
	dryRun bool
}

func newTopicsResetWatermark(io streams) *cobra.Command {
	var (
		f   resetWatermarkFlags
		out outputFlag
	)
	cmd := &cobra.Command{
		Use:   "reset-watermark",
		Short: "Show reactions again after times far ahead of the clock",
		Long: `Aggregate counts a partition of emoji-topic by the times of its reactions, and never
asks the clock. If at least two in a row have times that are far ahead, because a clock
was wrong or another program wrote them, all that follow are counted with them, in
windows that are shown only when their time comes. The log of aggregate, consume
--verify and doctor say so.

Reset-watermark lets the reactions from now on be counted in the windows of their
times, in all partitions that are ahead. Set the clock before. Nothing that was counted
is lost or counted again, and serve and aggregate may go on meanwhile, if all copies of
aggregate have this version or a later one.`,
		Example: `  emostream topics reset-watermark --dry-run
  emostream topics reset-watermark --brokers kafka1:9092`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			asJSON := out.json()
			r, err := f.run(cmd.Context(), io)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(io.out, r)
			}
			return printReset(io, f.names().Reactions(), r)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "only tell which partitions are ahead")
	out.add(cmd)
	return cmd
}

// run resets what is ahead.
func (f *resetWatermarkFlags) run(ctx context.Context, io streams) (watermark.Report, error) {
	c, err := f.openAndPing(ctx, "topics", nil)
	if err != nil {
		return watermark.Report{}, err
	}
	defer c.Close()
	if err := f.mustExist(ctx, c, []string{f.names().Reactions(), f.names().Partials()}); err != nil {
		return watermark.Report{}, err
	}
	printAfter := time.Now().Add(progressInterval)
	r, err := watermark.Reset(ctx, watermark.Config{
		Client: c, Names: f.names(), Combine: f.group("combine"), Reduce: f.group("reduce"), DryRun: f.dryRun, Stall: topicsTimeout,
		Progress: func(read, known int64) {
			if time.Now().After(printAfter) {
				printAfter = time.Now().Add(progressInterval)
				_, _ = fmt.Fprintf(io.err, "reading: %s of %s\n", text.Thousands(read), text.Plural(known, "record"))
			}
		},
	})
	if errors.Is(err, context.Canceled) { // before it has begun: later it does not ask
		return r, errInterrupted
	}
	return r, err
}

// printReset prints a line for each partition that was ahead.
func printReset(io streams, topic string, r watermark.Report) error {
	if len(r.Ahead) == 0 {
		_, err := fmt.Fprintln(io.out, "no watermark is ahead of the clock")
		return err
	}
	for _, p := range r.Ahead {
		line := fmt.Sprintf("%s/%d: the watermark is %v, and reactions are shown from %v on: without --dry-run it is reset", topic, p.Partition, p.Watermark, p.Until)
		switch {
		case p.Unfinished && r.Reset:
			line = fmt.Sprintf("%s/%d: an earlier reset was interrupted, and is finished", topic, p.Partition)
		case p.Unfinished:
			line = fmt.Sprintf("%s/%d: an earlier reset was interrupted: without --dry-run it is finished", topic, p.Partition)
		case r.Reset:
			line = fmt.Sprintf("%s/%d: the watermark was %v and is reset: reactions of now are counted in the window that ends at %v", topic, p.Partition, p.Watermark, p.Until)
		}
		if _, err := fmt.Fprintln(io.out, line); err != nil {
			return err
		}
	}
	return nil
}
