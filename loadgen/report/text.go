package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/text"
)

// How many lines of a list a text report shows.
const (
	shownErrors  = 10
	shownWindows = 10
)

// WriteText writes the report as text of at most 80 columns. It begins with anything
// that makes the figures doubtful.
func WriteText(w io.Writer, r Report) error {
	p := &textWriter{}
	p.banner(r)
	p.head(r)
	p.reactions(r)
	p.balance(r)
	p.parts(r)
	p.latencies(r)
	p.listeners(r)
	p.streams(r.Streams)
	p.usage(r)
	p.errors(r.Errors)
	p.thresholds(r.Thresholds)
	p.search(r.Search)
	_, notes := r.reasons()
	p.notes("Notes", notes)
	_, err := io.WriteString(w, p.String())
	return err
}

// textWriter collects the lines of a report for people.
type textWriter struct{ strings.Builder }

func (p *textWriter) line(format string, args ...any) {
	p.WriteString(strings.TrimRight(text.CleanLines(fmt.Sprintf(format, args...)), " ") + "\n")
}

func (p *textWriter) section(title string) { p.line("\n%s", title) }

// row writes a name, a value and a remark. A remark that is too long is cut.
func (p *textWriter) row(name, value, remark string) {
	p.line("  %-14s%14s  %s", name, value, clip(remark, width-32))
}

// paragraph writes indented text of any length.
func (p *textWriter) paragraph(s string) {
	for _, l := range wrap(s, width-2) {
		p.line("  %s", l)
	}
}

func (p *textWriter) banner(r Report) {
	if r.Invalid {
		p.line("INVALID: the figures below speak of the generator, not of the target.")
		reasons, _ := r.reasons()
		for _, n := range reasons {
			p.paragraph(n)
		}
		p.line("")
	}
	if r.Interrupted {
		p.line("INTERRUPTED: what follows is what was done until then.\n")
	}
}

// NotKeptUp is what a note says that is the reason why a run is invalid.
const NotKeptUp = "the generator could not keep up"

// reasons returns the notes that say why a run is invalid, and the other ones. If an
// invalid run has no note that is known to say why, any may.
func (r Report) reasons() (reasons, others []string) {
	for _, n := range r.Notes {
		if r.Invalid && strings.Contains(n, NotKeptUp) {
			reasons = append(reasons, n)
		} else {
			others = append(others, n)
		}
	}
	if r.Invalid && len(reasons) == 0 {
		return others, nil
	}
	return reasons, others
}

func (p *textWriter) head(r Report) {
	o, e := r.Options, r.Environment
	p.line("%s", clip(o.Target, width))
	for _, l := range wrap(asked(o), width) {
		p.line("%s", l)
	}
	where := fmt.Sprintf("%s, %s on %s (%s/%s, %d CPUs), emostream %s", r.Started.UTC().Format("2006-01-02 15:04:05 UTC"),
		spell(r.DurationMS), cmp.Or(e.Host, "an unnamed host"), e.OS, e.Arch, e.CPUs, cmp.Or(e.Version, "of no version"))
	for _, l := range wrap(where, width) {
		p.line("%s", l)
	}
	seed := fmt.Sprintf("seed %d", r.Seed)
	if o.Channel != "" { // another service has no channel
		seed = fmt.Sprintf("channel %s, %s", o.Channel, seed)
	}
	p.line("%s", clip(seed, width))
}

// asked returns in one line what a run was asked to do.
func asked(o Options) string {
	load := rateOf(o)
	switch {
	case o.Stages != "":
		load = "stages " + o.Stages
	case o.Burst != "":
		load = "bursts " + o.Burst
	}
	parts := []string{fmt.Sprintf("%s for %s", load, spell(o.DurationMS))}
	add := func(wanted bool, format string, args ...any) {
		if wanted {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(o.WarmUpMS > 0, "the first %s of it warm-up", spell(o.WarmUpMS))
	add(true, "%s", text.Plural(int64(o.Connections), "connection"))
	add(o.Batch > 1, "%s in a request", text.Thousands(int64(o.Batch)))
	add(o.Listeners > 0, "%s", text.Plural(int64(o.Listeners), "listener"))
	add(o.ArriveMS > 0, "arriving over %s", spell(o.ArriveMS))
	add(o.Channels > 1, "%s channels", text.Thousands(int64(o.Channels)))
	add(o.Streams > 1, "%s streams", text.Thousands(int64(o.Streams)))
	add(o.Slow > 0, "%s that read %s bytes/s", text.Thousands(int64(o.Slow)), text.Thousands(int64(o.SlowPace)))
	add(o.Stalled > 0, "%s that do not read", text.Thousands(int64(o.Stalled)))
	add(o.Mute > 0, "%s that ask for nothing", text.Thousands(int64(o.Mute)))
	add(o.Churn > 0, "%s/s come and go", short(o.Churn))
	add(o.HTTP == "2", "over HTTP/2")
	add(o.Insecure, "certificates not checked")
	parts = append(parts, o.requests().asked()...)
	return strings.Join(parts, ", ")
}

func (p *textWriter) reactions(r Report) {
	load := r.Load()
	perSecond := func(n int64) string {
		if load.DurationMS <= 0 {
			return ""
		}
		return text.Decimals(float64(n)/load.DurationMS*1000, 1) + "/s"
	}
	p.section("Reactions")
	requests := "requests"
	if r.Requests == 1 {
		requests = "request"
	}
	p.row("sent", text.Thousands(r.Sent), strings.TrimSpace(fmt.Sprintf("%s in %s %s", perSecond(load.Sent), text.Thousands(r.Requests), requests)))
	if r.WarmUp != nil {
		p.row("of it warm-up", text.Thousands(r.WarmUp.Sent), "in no latency and no rate")
	}
	p.row("accepted", text.Thousands(r.Accepted), perSecond(load.Accepted))
	p.row("rejected", text.Thousands(r.Rejected), "")
	p.row("in doubt", text.Thousands(r.InDoubt), "")
	if r.Unsent > 0 {
		p.row("not sent", text.Thousands(r.Unsent), fmt.Sprintf("of %s due: %s", text.Thousands(r.Sent+r.Unsent), r.UnsentBecause))
	}
}

func (p *textWriter) balance(r Report) {
	p.section("Books")
	if r.Counted == nil && r.Lost == nil && r.Doubled == nil && r.Shifted == nil {
		p.line("  not available")
		p.notWhole(r)
		return
	}
	p.row("counted", count(r.Counted), "")
	p.row("lost", count(r.Lost), orAtMost(remark(r.Lost, choose(len(r.Streams) > 1, "acknowledged, and missing on a stream", "acknowledged, and shown to nobody")), r.LostAtMost))
	p.row("doubled", count(r.Doubled), orAtMost(remark(r.Doubled, "shown more often than it was sent"), r.DoubledAtMost))
	p.row("shifted", count(r.Shifted), remark(r.Shifted, "counted in another window"))
	p.notWhole(r)
	p.windows(r.Windows)
}

// notWhole says why the books are not whole, if they are not.
func (p *textWriter) notWhole(r Report) {
	if r.UnbalancedBecause != "" {
		p.paragraph("NOT WHOLE: " + r.UnbalancedBecause)
	}
}

// remark returns text if the count is known and not 0, and else "".
func remark(n *int64, text string) string {
	if n == nil || *n == 0 {
		return ""
	}
	return text
}

// orAtMost returns a remark on a count. If reactions in doubt make it inexact, the remark
// is the greatest number that they allow.
func orAtMost(remark string, most *int64) string {
	if most == nil {
		return remark
	}
	return "at most " + text.Thousands(*most) + ": reactions in doubt may hide it"
}

func (p *textWriter) windows(ws []WindowBalance) {
	if len(ws) == 0 {
		return
	}
	p.section("Windows that do not balance")
	p.line("  %-24s%12s%12s%12s  %s", "end (UTC)", "accepted", "counted", "difference", "emoji")
	ws = slices.Clone(ws)
	slices.SortStableFunc(ws, func(a, b WindowBalance) int { return cmp.Compare(a.Channel, b.Channel) })
	channel := ""
	for _, w := range ws[:min(len(ws), shownWindows)] {
		if w.Channel != channel {
			channel = w.Channel
			p.line("  in %s", clip(channel, width-5))
		}
		p.line("  %-24s%12s%12s%12s  %s", w.End.UTC().Format("2006-01-02 15:04:05.0"),
			text.Thousands(w.Accepted), text.Thousands(w.Counted), signed(w.Counted-w.Accepted), clip(w.Emoji, 12))
	}
	p.more(len(ws), shownWindows, "in the JSON report")
}

// more writes how many lines of a list are left out, if any.
func (p *textWriter) more(n, shown int, where string) {
	if n > shown {
		p.line("  and %d more %s", n-shown, where)
	}
}

func signed(n int64) string {
	if n > 0 {
		return "+" + text.Thousands(n)
	}
	return text.Thousands(n)
}

func (p *textWriter) latencies(r Report) {
	if len(r.Latency) == 0 {
		return
	}
	p.line("\n%-16s%10s%10s%10s%10s%11s%11s", "Latency in ms", "p50", "p90", "p99", "p99.9", "max", "count")
	for _, name := range shownLatencies(r) {
		l, ok := r.Latency[name.key]
		switch {
		case !ok:
		case l == nil:
			p.line("  %-14s%s", name.words, "not available")
		default:
			p.line("  %-14s%10s%10s%10s%10s%11s%11s", name.words, text.Decimals(l.P50, 2), text.Decimals(l.P90, 2), text.Decimals(l.P99, 2),
				text.Decimals(l.P999, 2), text.Decimals(l.Max, 2), text.Thousands(l.Count))
		}
	}
}

// wanted returns how many listeners there were to be. Without any a run has one of its own.
func (l Listeners) wanted() string {
	if l.Wanted == 0 {
		return "for the books alone"
	}
	return "of " + text.Thousands(int64(l.Wanted))
}

func (p *textWriter) listeners(r Report) {
	l := r.Listeners
	if l.Wanted == 0 && l.Connected == 0 {
		return
	}
	p.section("Listeners")
	p.row("connected", text.Thousands(int64(l.Connected)), l.wanted())
	p.row("events", text.Thousands(l.Events), amount(l.Bytes))
	for _, row := range []struct {
		name   string
		n      int64
		remark string
	}{
		{"gaps", l.Gaps, choose(r.Options.Channel == "", "events", "windows") + " that another listener saw"}, // another service has no channel
		{"behind", l.Behind, "windows of which another listener saw more"},
		{"repeats", l.Repeats, "legal: readers merge"},
		{"out of order", l.OutOfOrder, ""},
		{"reconnects", l.Reconnects, fmt.Sprintf("%s resumed", text.Thousands(l.Resumes))},
		{"refused", l.Refused, ""},
		{"joined", l.Joined, ""},
		{"left", l.Left, ""},
	} {
		if row.n > 0 {
			p.row(row.name, text.Thousands(row.n), row.remark)
		}
	}
	for _, kind := range borneKinds(l) {
		if b := kind.borne; b != nil {
			p.row(kind.name, text.Thousands(int64(b.Wanted)), kind.what+": "+b.inWords())
		}
	}
}

func (p *textWriter) usage(r Report) {
	rows := r.usageRows()
	if len(rows) == 0 {
		return
	}
	p.section("What the target spent")
	for _, row := range rows {
		p.row(row.name, row.value, row.remark)
	}
}

// byCount returns the keys of counts, the key with the greatest count first.
func byCount(counts map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
}

func (p *textWriter) errors(errs map[string]int64) {
	if len(errs) == 0 {
		return
	}
	p.section(failedOf(errs))
	kinds := byCount(errs)
	for _, k := range kinds[:min(len(kinds), shownErrors)] {
		p.line("  %14s  %s", text.Thousands(errs[k]), clip(k, width-18))
	}
	p.more(len(kinds), shownErrors, "kinds")
}

func (p *textWriter) thresholds(ts []ThresholdResult) {
	if len(ts) == 0 {
		return
	}
	p.section("Thresholds")
	for _, t := range ts {
		verdict := "met"
		if !t.Met {
			verdict = "MISSED"
		}
		p.line("  %-8s%-42s  %s", verdict, clip(t.Condition, 42), clip(actual(t), width-54))
	}
}

// actual formats the value that a threshold was compared with, in its unit.
func actual(t ThresholdResult) string {
	if t.Actual == nil {
		return "not available"
	}
	parsed, err := ParseThreshold(t.Condition)
	switch {
	case err == nil && parsed.metric.unit == millis:
		return text.Decimals(*t.Actual, 2) + " ms"
	case err == nil && parsed.metric.unit == percent:
		return short(*t.Actual) + " %"
	case err == nil && parsed.metric.unit == micros:
		return micro(*t.Actual)
	case err == nil && parsed.metric.unit == octets:
		return amount(int64(*t.Actual))
	}
	return short(*t.Actual)
}

func (p *textWriter) search(steps []Step) {
	if len(steps) == 0 {
		return
	}
	p.section("Search for the greatest rate")
	p.line("  %14s%14s", "rate", "reached")
	best := 0.0
	for _, s := range steps {
		outcome := "held"
		if s.Met {
			best = max(best, s.Rate)
		} else {
			outcome = "missed " + strings.Join(s.Missed, ", ")
		}
		p.line("  %14s%14s  %s", short(s.Rate), text.Decimals(s.Reached, 1), clip(outcome, width-32))
	}
	if best == 0 {
		p.line("  No rate held.")
		return
	}
	p.line("  %s/s is the greatest rate that held.", short(best))
}

func (p *textWriter) notes(title string, notes []string) {
	if len(notes) == 0 {
		return
	}
	p.section(title)
	for _, n := range notes {
		p.paragraph(n)
	}
}
