package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/inspect/verify"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
)

// printVerify prints a report for a person.
func printVerify(out io.Writer, names wire.Topics, r verify.Report) error {
	v := valueLines{nameWidth: 10}
	number := func(what string, n int64, about string) { v.add(what, text.Thousands(n), about) }
	optional := func(what string, n int64, about string) {
		if n > 0 {
			number(what, n, about)
		}
	}
	number("reactions", r.Reactions, "in "+names.Reactions())
	number("counted", r.Counted, "in "+names.Counts())
	number("lost", r.Lost, "")
	number("doubled", r.Doubled, "")
	optional("open", r.Open, openText(names, r))
	optional("left out", r.LeftOut, fmt.Sprintf("in %s that retention may have taken something of", text.Plural(int64(r.WindowsLeftOut), "window")))
	optional("skipped", r.Skipped, "records of "+names.Reactions()+" that are no reactions")
	optional("unread", r.Unreadable, "records of "+names.Counts()+" that are no counts")
	for _, b := range r.Blocked {
		number("blocked", b.Records, blockedText(b))
	}
	optional("late", r.Late, "in a later window than their own, which was closed")
	if r.Compared == verify.ByWindow {
		number("windows", int64(r.Windows), fmt.Sprintf("compared, by %s (%s)", countingFlags(r.Settings), r.Source))
	} else {
		v.add("windows", "-", "not compared, only totals: no aggregate has said in "+names.Partials()+" what windows it counts by")
	}
	if d := r.Latest; d != nil {
		v.add("latest", milliseconds(d.MS).String(), fmt.Sprintf("after the end of window %s (%s)", wire.AppendTime(nil, d.Window.End), text.Clean(d.Channel)))
	}
	lines := v.lines
	if r.Verdict == verify.Agree {
		lines = append(lines, "", verifiedText(r))
	}
	for _, a := range r.Ahead {
		lines = append(lines, "", a.String())
	}
	if len(r.Differences) > 0 {
		lines = append(lines, "")
		lines = append(lines, differenceTable(r.Differences)...)
	}
	if r.More > 0 {
		lines = append(lines, fmt.Sprintf("and %s more", text.Thousands(int64(r.More))))
	}
	_, err := fmt.Fprintln(out, strings.Join(lines, "\n"))
	return err
}

// openText says why reactions are open.
func openText(names wire.Topics, r verify.Report) string {
	if r.Written != 0 {
		return fmt.Sprintf("too new to be compared, most of them later than the newest window in %s, which ended at %v", names.Counts(), r.Written)
	}
	return "too new to be compared, most of them in " + text.Plural(int64(r.WindowsOpen), "open window")
}

// blockedText says where a transaction is open.
func blockedText(b verify.Blocked) string {
	return fmt.Sprintf("behind a transaction that is open in %s/%d from offset %d on", b.Topic, b.Partition, b.Offset)
}

// verifiedText says what was verified, if the log and the counts agree.
func verifiedText(r verify.Report) string {
	switch {
	case r.Counted == 0:
		return "verified: there is nothing to count yet"
	case r.Open+r.LeftOut > 0:
		return "verified: every reaction that could be compared was counted once"
	}
	return "verified: every reaction was counted once"
}

// differenceTable lists the counts that differ from the log.
func differenceTable(differences []verify.Difference) []string {
	columns := []column{{title: "WINDOW'S END"}, {title: "CHANNEL"}, {title: "EMOJI"}, {title: "IN THE LOG"}, {title: "COUNTED"}, {title: "DIFFERENCE"}}
	var rows [][]string
	for _, d := range differences {
		end := "all"
		if d.Window != (wire.Window{}) {
			end = string(wire.AppendTime(nil, d.Window.End))
		}
		rows = append(rows, []string{end, text.Clean(d.Channel), text.Clean(d.Emoji), fmt.Sprint(d.Log), fmt.Sprint(d.Counted), fmt.Sprintf("%+d", d.Counted-d.Log)})
	}
	return tableLines(columns, rows)
}

// verifyProgress prints on stderr how far the comparison is, if it takes long.
type verifyProgress struct {
	out        io.Writer
	last       verify.Progress
	printAfter time.Time
}

func (p *verifyProgress) show(now verify.Progress) {
	p.last = now
	waits := !now.Until.IsZero() && time.Until(now.Until) > progressInterval // no progress is made until then
	if waits || time.Now().After(p.printAfter) {
		p.printAfter = time.Now().Add(progressInterval)
		_, _ = fmt.Fprintln(p.out, p)
	}
}

func (p *verifyProgress) String() string {
	switch {
	case !p.last.Until.IsZero():
		return fmt.Sprintf("waiting until %s for the open window to end", p.last.Until.Format(time.TimeOnly))
	case p.last.Difference > 0:
		return fmt.Sprintf("waiting for the counting: %s not counted yet, or too often", text.Plural(p.last.Difference, "reaction"))
	}
	return fmt.Sprintf("reading: %s of %s", text.Thousands(p.last.Read), text.Plural(p.last.Known, "record"))
}
