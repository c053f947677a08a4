package tui

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/tui/draw"
)

// draw returns the screen, exactly as large as the terminal.
func (b Bench) draw() string {
	if b.width < framedWidth || b.height < framedHeight {
		return strings.Join(b.compact(), "\n")
	}
	lines := append([]string{b.header()}, b.progress()...)
	// Two rows of frames divide the lines between the progress and the help.
	room := b.height - len(lines) - 1
	upper := min(12, max(6, room*2/5))
	left := b.width / 2
	right := b.width - left
	rates := b.rateLines(left-4, upper-2)
	acks := b.ackLines(right-4, upper-2)
	lines = append(lines, draw.Beside(draw.Frame("Rate", rates, left, upper, b.theme), draw.Frame("Ack", acks, right, upper, b.theme))...)
	lower := room - upper
	lines = append(lines, draw.Beside(
		draw.Frame("Answers by latency", b.histogram(left-4, lower-2), left, lower, b.theme),
		draw.Frame("Reactions and listeners", b.counts(right-4, lower-2), right, lower, b.theme))...)
	lines = append(lines, b.footer())
	return strings.Join(draw.Block(lines, b.width, b.height), "\n")
}

// header draws the target and the phase.
func (b Bench) header() string {
	left := b.theme.Title.Render("emostream bench") + "  " + b.theme.Muted.Render(text.CleanCells(b.Target))
	return draw.Ends(left, b.phase(), b.width)
}

func (b Bench) phase() string {
	phase := string(cmp.Or(b.snapshot.Phase, loadgen.Registering))
	if b.stopping {
		return b.theme.Warn.Render("stopping: " + phase)
	}
	if b.snapshot.Phase == loadgen.Sending {
		return b.theme.Good.Render(phase)
	}
	return b.theme.Muted.Render(phase)
}

// progress draws a bar with the elapsed time beside it.
func (b Bench) progress() []string {
	label := b.elapsed()
	share := 0.0
	if b.snapshot.Planned > 0 {
		share = min(1, b.snapshot.Elapsed.Seconds()/b.snapshot.Planned.Seconds())
	}
	return []string{draw.Bar(share, max(1, b.width-ansi.StringWidth(label)-2), b.theme.Main, b.theme.Track) + "  " + label}
}

// elapsed returns how far the run is, as text.
func (b Bench) elapsed() string {
	s := b.snapshot
	line := text.Seconds(s.Elapsed)
	if s.Planned > 0 {
		line = text.Seconds(min(s.Elapsed, s.Planned)) + " of " + text.Seconds(s.Planned)
	}
	if s.Stages > 1 {
		line += fmt.Sprintf(", stage %d of %d", min(s.Stage+1, s.Stages), s.Stages)
	}
	if s.WarmingUp {
		line += ", warm-up"
	}
	if s.Step > 0 {
		line += fmt.Sprintf(", step %d at %s", s.Step, text.Rate(s.Rate))
	}
	return line
}

// asked returns the rate that was asked for, as text.
func (b Bench) asked() string {
	switch {
	case b.snapshot.Phase != loadgen.Sending:
		return ""
	case b.snapshot.Planned > 0 && b.snapshot.Elapsed >= b.snapshot.Planned:
		return "of what is left"
	case b.snapshot.ClosedLoop:
		return "as fast as answers come"
	}
	return "of " + text.Rate(b.snapshot.Asked) + " asked"
}

func (b Bench) rateLines(width, height int) []string {
	t := b.theme
	lines := []string{draw.Ends(t.Title.Render(text.Rate(b.snapshot.Reached))+" "+t.Muted.Render(b.asked()), b.waiting(), width)}
	for _, l := range draw.Sparkline(b.rates, width, height-1, 0) {
		lines = append(lines, t.Main.Render(l))
	}
	return lines
}

// waiting returns how many reactions are due but not sent yet, because the generator or
// the target is too slow.
func (b Bench) waiting() string {
	if b.snapshot.Waiting == 0 {
		return ""
	}
	return b.theme.Warn.Render(text.Thousands(b.snapshot.Waiting) + " due")
}

func (b Bench) ackLines(width, height int) []string {
	t := b.theme
	lines := []string{draw.Ends(t.Title.Render(text.Millis(b.snapshot.AckP99))+" "+t.Muted.Render("p99"), t.Muted.Render("p50 "+text.Millis(b.snapshot.AckP50)), width)}
	for _, l := range draw.Sparkline(b.acks, width, height-1, 0) {
		lines = append(lines, t.Second.Render(l))
	}
	return lines
}

// histogram draws the answers by latency, one line for each bucket. If there are more
// buckets than lines, neighbouring buckets are joined.
func (b Bench) histogram(width, height int) []string {
	rows := buckets(b.snapshot.Buckets, height)
	if len(rows) == 0 {
		return []string{b.theme.Muted.Render("no answers yet")}
	}
	most, total := int64(0), int64(0)
	for _, r := range rows {
		most, total = max(most, r.count), total+r.count
	}
	const label, share = 8, 7
	var lines []string
	for _, r := range rows {
		bar := draw.TracklessBar(float64(r.count)/float64(most), width-label-share-2, b.theme.Main)
		lines = append(lines, fmt.Sprintf("%*s %s%*s", label, r.label, bar, share+1, percent(r.count, total)))
	}
	return lines
}

func percent(n, of int64) string {
	switch p := 100 * float64(n) / float64(of); {
	case n == 0:
		return ""
	case p < 0.01:
		return "<0.01%"
	case p < 1:
		return fmt.Sprintf("%.2f%%", p)
	default:
		return fmt.Sprintf("%.1f%%", p)
	}
}

// bucket is a line of the histogram. It counts the answers that took longer than the
// bucket before it and at most as long as label says.
type bucket struct {
	label string
	count int64
}

// buckets returns the buckets from the first to the last that is not empty. If they are
// more than n, neighbours are joined.
func buckets(all [loadgen.Buckets]int64, n int) []bucket {
	first, last := -1, -1
	for i, c := range all {
		if c > 0 {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 || n < 1 {
		return nil
	}
	size := (last - first + n) / n
	var rows []bucket
	for end := first + size - 1; ; end += size {
		row := bucket{label: "≤ " + upTo(end)}
		for i := max(first, end-size+1); i <= min(end, len(all)-1); i++ {
			row.count += all[i]
		}
		rows = append(rows, row)
		if end >= last {
			return rows
		}
	}
}

// upTo returns the upper end of bucket i, 2^i microseconds, rounded.
func upTo(i int) string {
	us := int64(1) << i
	switch {
	case us < 1000:
		return fmt.Sprintf("%dµs", us)
	case us < 1_000_000:
		return fmt.Sprintf("%dms", (us+500)/1000)
	}
	return fmt.Sprintf("%ds", (us+500_000)/1_000_000)
}

// counts draws the outcomes of the reactions, the listeners, and the failed requests.
func (b Bench) counts(width, height int) []string {
	s, t := b.snapshot, b.theme
	row := func(name, value string) string { return draw.Ends(t.Muted.Render(name), value, width) }
	lines := []string{
		row("sent", text.Thousands(s.Sent)),
		row("accepted", text.Thousands(s.Accepted)),
		row("rejected", b.alarm(s.Rejected)),
		row("in doubt", b.alarm(s.InDoubt)),
		row("listeners", b.listeners()),
		row("events", text.Thousands(s.Events)),
		row("overhead p99", text.Millis(s.OverheadP99)),
	}
	if len(s.Errors) == 0 {
		return append(lines, row("failed requests", "none"))
	}
	return append(lines, b.failures(width, height-len(lines))...)
}

// alarm formats a count, in the colour of an error if it is not 0.
func (b Bench) alarm(n int64) string {
	if n == 0 {
		return "0"
	}
	return b.theme.Bad.Render(text.Thousands(n))
}

func (b Bench) listeners() string {
	count := text.Thousands(int64(b.snapshot.Listeners)) + " of " + text.Thousands(int64(b.snapshot.Wanted))
	if b.snapshot.Listeners < b.snapshot.Wanted {
		return b.theme.Warn.Render(count)
	}
	return count
}

// failures draws the kinds of failed requests, the most frequent first. If some do not
// fit, the last line says how many.
func (b Bench) failures(width, height int) []string {
	errs := b.snapshot.Errors
	kinds := slices.SortedFunc(maps.Keys(errs), func(x, y string) int {
		return cmp.Or(cmp.Compare(errs[y], errs[x]), cmp.Compare(x, y))
	})
	var lines []string
	for i, k := range kinds {
		if i == height-1 && len(kinds) > height {
			return append(lines, b.theme.Bad.Render(fmt.Sprintf("and %d more kinds", len(kinds)-i)))
		}
		lines = append(lines, draw.Ends(b.theme.Bad.Render(text.CleanCells(k)), text.Thousands(errs[k]), width))
	}
	return lines
}

func (b Bench) footer() string {
	h := b.help
	h.SetWidth(b.width)
	return h.View(b.keys)
}

// compact draws the screen of a terminal without room for frames. The most important
// lines come first; those that do not fit are left out.
func (b Bench) compact() []string {
	s, t := b.snapshot, b.theme
	requests, streams := failedOf(s)
	failed := "failed requests"
	if streams > 0 {
		failed += " and streams"
	}
	spark := func(values []float64) string {
		return strings.Join(draw.Sparkline(values, max(0, b.width-5), 1, 0), "")
	}
	lines := []string{
		draw.Ends(t.Title.Render("emostream bench"), b.phase(), b.width),
		b.progress()[0],
		draw.Fit(t.Muted.Render("rate ")+text.Rate(s.Reached)+" "+t.Muted.Render(b.asked()), b.width),
		draw.Fit("     "+t.Main.Render(spark(b.rates)), b.width),
		draw.Fit(t.Muted.Render("ack  ")+text.Millis(s.AckP99)+t.Muted.Render(" p99, ")+text.Millis(s.AckP50)+t.Muted.Render(" p50"), b.width),
		draw.Fit("     "+t.Second.Render(spark(b.acks)), b.width),
		draw.Ends(t.Muted.Render("accepted"), text.Thousands(s.Accepted)+" of "+text.Thousands(s.Sent), b.width),
		draw.Ends(t.Muted.Render("listeners"), b.listeners(), b.width),
		draw.Ends(t.Muted.Render(failed), b.alarm(requests+streams), b.width),
	}
	if b.height < 2 {
		return draw.Block(lines, b.width, b.height)
	}
	return append(draw.Block(lines, b.width, b.height-1), draw.Fit(b.footer(), b.width))
}
