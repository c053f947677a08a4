package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/atomicfile"
	"github.com/emostream/emostream/internal/inspect/export"
	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/text"
)

// exportFlags are the settings of export.
type exportFlags struct {
	fromToFlags
	what   string
	format string
	file   string
	bom    bool
	out    outputFlag
}

func newExport(io streams) *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write windows or reactions as CSV, JSON lines or Parquet",
		Long: `Export writes what was counted for analysis afterwards: a row for each emoji of each
window and channel with its final count, in the order of the windows. It reads
emoji-aggregated, whoever wrote it, twice: first to learn where each window is last
spoken of. With --what reactions it writes a row for each reaction in emoji-topic,
which replay can send again.

A file is there whole or not at all. The summary goes to stderr, and to stdout with
--output json.`,
		Example: `  emostream export > windows.jsonl
  emostream export --out today.parquet --from 2026-11-23
  emostream export --what reactions --last 1h --out reactions.jsonl
  emostream export --out for-excel.csv --bom`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), io) },
	}
	f.add(cmd)
	fl := cmd.Flags()
	fl.Var(newEnumFlag(&f.what, "windows", "windows", "reactions"), "what", "windows or reactions")
	fl.Var(newEnumFlag(&f.format, "auto", "auto", "csv", "jsonl", "parquet"), "format", "csv, jsonl, parquet, or auto: by the file's ending, and jsonl on stdout")
	fl.StringVar(&f.file, "out", "", "file to write; default stdout, as -")
	fl.BoolVar(&f.bom, "bom", false, "put a byte order mark before CSV: without it Excel takes emojis for other characters")
	f.out.add(cmd)
	return cmd
}

// run exports what the flags ask for and prints a summary.
func (f *exportFlags) run(ctx context.Context, io streams) error {
	asJSON := f.out.json()
	if f.file == "-" {
		f.file = ""
	}
	format, err := f.check(io.out, asJSON)
	if err != nil {
		return err
	}
	filter, err := f.filter()
	if err != nil {
		return err
	}
	from, to, err := f.bounds(time.Now())
	if err != nil {
		return err
	}
	cfg := topicreader.Config{Topic: f.names().Reactions(), From: from, To: to, Progress: readingProgress(io.err)}
	wanted := export.WindowsConfig{Filter: filter}
	if f.what == "windows" {
		cfg.Topic = f.names().Counts()
		widenRange(&cfg, &wanted)
	}
	return f.read(ctx, io, "export", cfg, func(s *topicreader.Range) error {
		sum, err := f.exportRange(ctx, io.out, format, s, wanted)
		if err != nil && ctx.Err() != nil {
			_, _ = fmt.Fprintf(io.err, "interrupted: %s\n", f.unfinished())
			return errInterrupted
		}
		if err != nil {
			return err
		}
		return f.print(io, sum, asJSON)
	})
}

// exportRange writes the rows of a range of a topic.
func (f *exportFlags) exportRange(ctx context.Context, stdout io.Writer, format export.Format, s *topicreader.Range, wanted export.WindowsConfig) (sum export.Summary, err error) {
	err = f.writeTo(stdout, func(w io.Writer) (err error) {
		if f.bom {
			if _, err := io.WriteString(w, text.ByteOrderMark); err != nil {
				return err
			}
		}
		if f.what == "windows" {
			sum, err = writeTable(w, format, func(give func(export.Window) error) (export.Summary, error) {
				return export.Windows(ctx, s, wanted, give)
			})
			return err
		}
		sum, err = writeTable(w, format, func(give func(export.Reaction) error) (export.Summary, error) {
			return export.Reactions(ctx, s, wanted.Filter, give)
		})
		return err
	})
	return sum, err
}

// check finds the format, and refuses what cannot be written before anything is read.
func (f *exportFlags) check(stdout io.Writer, asJSON bool) (export.Format, error) {
	format, err := export.Format(f.format), error(nil)
	if f.format == "auto" {
		format, err = export.FormatOf(f.file)
	}
	switch {
	case err != nil:
		return "", usagef("--out %w", err)
	case f.bom && format != export.CSV:
		return "", usagef("--bom is for CSV alone: what reads %s knows its encoding", format)
	case f.file == "" && asJSON:
		return "", usagef("--output json prints the summary where the table goes: give --out a file, and --format for its form")
	case f.file == "" && format == export.Parquet && isTerminal(stdout):
		return "", usagef("--format parquet is nothing for a terminal: give --out a file")
	}
	return format, nil
}

// maxSkew is how far apart the clocks of an installation may be.
const maxSkew = time.Minute

// widenRange sets wanted to the range of cfg, and widens cfg to the records that may
// belong to windows in that range. They begin maxSkew earlier, since clocks differ.
// They end with the topic, since a window's record may be written at any time after the
// window's end.
func widenRange(cfg *topicreader.Config, wanted *export.WindowsConfig) {
	if at := cfg.From.Time; !at.IsZero() {
		wanted.From = at.UnixMilli()
		cfg.From = topicreader.At(at.Add(-maxSkew))
	}
	if at := cfg.To.Time; !at.IsZero() {
		wanted.To = at.UnixMilli()
		cfg.To = topicreader.Bound{}
	}
}

// writeTo writes to the file, whole or not at all, or to stdout.
func (f *exportFlags) writeTo(stdout io.Writer, write func(io.Writer) error) error {
	if f.file == "" {
		return write(stdout)
	}
	if info, err := os.Stat(f.file); err == nil && info.IsDir() {
		return usagef("--out %s is a folder: name a file in it", f.file)
	}
	return atomicfile.Write(f.file, write)
}

// unfinished says what is left of an export that was interrupted.
func (f *exportFlags) unfinished() string {
	if f.file == "" {
		return "the table is not whole"
	}
	return fmt.Sprintf("%s was not written", f.file)
}

// writeTable writes the rows that fill hands over.
func writeTable[R export.Row](w io.Writer, format export.Format, fill func(func(R) error) (export.Summary, error)) (export.Summary, error) {
	t := export.NewTable[R](w, format)
	sum, err := fill(t.Add)
	return sum, errors.Join(err, t.Close())
}

// print prints the summary of an export.
func (f *exportFlags) print(io streams, sum export.Summary, asJSON bool) error {
	if asJSON {
		return writeJSON(io.out, sum)
	}
	where := f.file
	if where == "" {
		where = "stdout"
	}
	what := text.Plural(sum.Reactions, "reaction")
	if f.what == "windows" {
		what += " in " + text.Plural(sum.Windows, "window")
	}
	between := ""
	if sum.Rows > 0 {
		between = fmt.Sprintf(", %s to %s", sum.First, sum.Last)
	}
	_, _ = fmt.Fprintf(io.err, "%s to %s: %s%s\n", text.Plural(sum.Rows, "row"), where, what, between)
	if sum.Skipped > 0 {
		_, _ = fmt.Fprintf(io.err, "%s skipped, the first is %s\n", text.Plural(sum.Skipped, "record"), text.Clean(sum.Note))
	}
	printGone(io.err, sum.Gone)
	return nil
}
