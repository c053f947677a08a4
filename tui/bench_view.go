package tui

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/emostream/emostream/loadgen"
)

// The least room for frames; below it there are plain lines.
const (
	framedWidth  = 72
	framedHeight = 20
)

// draw is the whole screen, exactly as large as the terminal.
func (b Bench) draw() string {
	if b.width < framedWidth || b.height < framedHeight {
		return strings.Join(b.compact(), "\n")
	}
	lines := append([]string{b.header()}, b.progress()...)
	// Two rows of frames share what is between the progress and the help.
	room := b.height - len(lines) - 1
	upper := min(12, max(6, room*2/5))
	left := b.width / 2
	right := b.width - left
	rates := b.rateLines(left-4, upper-2)
	acks := b.ackLines(right-4, upper-2)
	lines = append(lines, Beside(Frame("Rate", rates, left, upper, b.theme), Frame("Ack", acks, right, upper, b.theme))...)
	lower := room - upper
	lines = append(lines, Beside(
		Frame("Answers by latency", b.histogram(left-4, lower-2), left, lower, b.theme),
		Frame("Reactions and listeners", b.counts(right-4, lower-2), right, lower, b.theme))...)
	lines = append(lines, b.footer())
	return strings.Join(block(lines, b.width, b.height), "\n")
}

// header is the target and the phase.
func (b Bench) header() string {
	left := b.theme.Title.Render("emostream bench") + "  " + b.theme.Muted.Render(Clean(b.Target))
	return ends(left, b.phase(), b.width)
}

func (b Bench) phase() string {
	phase := string(cmp.Or(b.now.Phase, loadgen.Registering))
	if b.stopping {
		return b.theme.Warn.Render("stopping: " + phase)
	}
	if b.now.Phase == loadgen.Sending {
		return b.theme.Good.Render(phase)
	}
	return b.theme.Muted.Render(phase)
}

// progress is the bar and what it says.
func (b Bench) progress() []string {
	label := b.elapsed()
	share := 0.0
	if b.now.Planned > 0 {
		share = min(1, b.now.Elapsed.Seconds()/b.now.Planned.Seconds())
	}
	return []string{Bar(share, max(1, b.width-ansi.StringWidth(label)-2), b.theme.Main, b.theme.Track) + "  " + label}
}

// elapsed is how far the run is, in words.
func (b Bench) elapsed() string {
	s := b.now
	text := seconds(s.Elapsed)
	if s.Planned > 0 {
		text = seconds(min(s.Elapsed, s.Planned)) + " of " + seconds(s.Planned)
	}
	if s.Stages > 1 {
		text += fmt.Sprintf(", stage %d of %d", min(s.Stage+1, s.Stages), s.Stages)
	}
	if s.Step > 0 {
		text += fmt.Sprintf(", step %d at %s", s.Step, rate(s.Rate))
	}
	return text
}

// asked is the rate that is asked for, in words.
func (b Bench) asked() string {
	switch {
	case b.now.Phase != loadgen.Sending:
		return ""
	case b.now.Planned > 0 && b.now.Elapsed >= b.now.Planned:
		return "of what is left"
	case b.now.Asked <= 0 && b.now.Stages <= 1:
		return "as fast as answers come"
	}
	return "of " + rate(b.now.Asked) + " asked"
}

func (b Bench) rateLines(width, height int) []string {
	t := b.theme
	lines := []string{ends(t.Title.Render(rate(b.now.Reached))+" "+t.Muted.Render(b.asked()), b.waiting(), width)}
	for _, l := range Sparkline(b.rates, width, height-1, 0) {
		lines = append(lines, t.Main.Render(l))
	}
	return lines
}

// waiting is how much is due and not sent: the generator or the target is behind.
func (b Bench) waiting() string {
	if b.now.Waiting == 0 {
		return ""
	}
	return b.theme.Warn.Render(thousands(b.now.Waiting) + " due")
}

func (b Bench) ackLines(width, height int) []string {
	t := b.theme
	lines := []string{ends(t.Title.Render(millis(b.now.AckP99))+" "+t.Muted.Render("p99"), t.Muted.Render("p50 "+millis(b.now.AckP50)), width)}
	for _, l := range Sparkline(b.acks, width, height-1, 0) {
		lines = append(lines, t.Second.Render(l))
	}
	return lines
}

// histogram draws answers by latency, a line a bucket; neighbours are joined when
// there are more of them than lines.
func (b Bench) histogram(width, height int) []string {
	rows := buckets(b.now.Buckets, height)
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
		bar := Column(float64(r.count)/float64(most), width-label-share-2, b.theme.Main)
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

// bucket is one line of a histogram: how many were at most so slow.
type bucket struct {
	label string
	count int64
}

// buckets are those between the first and the last that holds anything, joined so
// that there are at most n.
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

// upTo is the upper end of a bucket, 2^i microseconds, rounded.
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

// counts are what became of the reactions, the listeners and what failed.
func (b Bench) counts(width, height int) []string {
	s, t := b.now, b.theme
	row := func(name, value string) string { return ends(t.Muted.Render(name), value, width) }
	lines := []string{
		row("sent", thousands(s.Sent)),
		row("accepted", thousands(s.Accepted)),
		row("rejected", b.alarm(s.Rejected)),
		row("in doubt", b.alarm(s.InDoubt)),
		row("listeners", b.listeners()),
		row("events", thousands(s.Events)),
		row("overhead p99", millis(s.OverheadP99)),
	}
	if len(s.Errors) == 0 {
		return append(lines, row("failed requests", "none"))
	}
	return append(lines, b.failures(width, height-len(lines))...)
}

// alarm writes a count that should be 0.
func (b Bench) alarm(n int64) string {
	if n == 0 {
		return "0"
	}
	return b.theme.Bad.Render(thousands(n))
}

func (b Bench) listeners() string {
	text := thousands(int64(b.now.Listeners)) + " of " + thousands(int64(b.now.Wanted))
	if b.now.Listeners < b.now.Wanted {
		return b.theme.Warn.Render(text)
	}
	return text
}

// failures are the kinds of failed requests, the most frequent first; the last
// line tells how many do not fit.
func (b Bench) failures(width, height int) []string {
	errs := b.now.Errors
	kinds := slices.SortedFunc(maps.Keys(errs), func(x, y string) int {
		return cmp.Or(cmp.Compare(errs[y], errs[x]), cmp.Compare(x, y))
	})
	var lines []string
	for i, k := range kinds {
		if i == height-1 && len(kinds) > height {
			return append(lines, b.theme.Bad.Render(fmt.Sprintf("and %d more kinds", len(kinds)-i)))
		}
		lines = append(lines, ends(b.theme.Bad.Render(Clean(k)), thousands(errs[k]), width))
	}
	return lines
}

func (b Bench) footer() string {
	h := b.help
	h.SetWidth(b.width)
	return h.View(b.keys)
}

// compact is the view for a terminal without room for frames: what matters most
// comes first, and the end is cut.
func (b Bench) compact() []string {
	s, t := b.now, b.theme
	failed := int64(0)
	for _, n := range s.Errors {
		failed += n
	}
	spark := func(values []float64) string { return strings.Join(Sparkline(values, max(0, b.width-5), 1, 0), "") }
	lines := []string{
		ends(t.Title.Render("emostream bench"), b.phase(), b.width),
		b.progress()[0],
		fit(t.Muted.Render("rate ")+rate(s.Reached)+" "+t.Muted.Render(b.asked()), b.width),
		fit("     "+t.Main.Render(spark(b.rates)), b.width),
		fit(t.Muted.Render("ack  ")+millis(s.AckP99)+t.Muted.Render(" p99, ")+millis(s.AckP50)+t.Muted.Render(" p50"), b.width),
		fit("     "+t.Second.Render(spark(b.acks)), b.width),
		ends(t.Muted.Render("accepted"), thousands(s.Accepted)+" of "+thousands(s.Sent), b.width),
		ends(t.Muted.Render("listeners"), b.listeners(), b.width),
		ends(t.Muted.Render("failed requests"), b.alarm(failed), b.width),
	}
	if b.height < 2 {
		return block(lines, b.width, b.height)
	}
	return append(block(lines, b.width, b.height-1), fit(b.footer(), b.width))
}
