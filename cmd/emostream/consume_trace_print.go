package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/inspect/trace"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/tui/draw"
)

// traceTable draws a report for a person, in at most 80 columns.
func traceTable(r trace.Report) []string {
	columns := []column{{title: "HOP TO", width: 24}}
	for _, title := range []string{"MEAN MS", "P50", "P99", "MAX"} {
		columns = append(columns, column{title, 11, true})
	}
	columns = append(columns, column{"N", 10, true})
	var rows [][]string
	row := func(name string, mean float64, h trace.Hop) {
		if h.N == 0 {
			rows = append(rows, []string{name, "-", "-", "-", "-", "0"})
			return
		}
		rows = append(rows, []string{name, tenths(mean), tenths(h.P50), tenths(h.P99), tenths(h.Max), text.Thousands(h.N)})
	}
	sum, shown := 0.0, 0.0
	for _, h := range r.Hops {
		// What is shown of a hop's mean is how much it adds to the rounded sum of the
		// means so far. So the means that are shown add up exactly.
		sum += h.Mean
		row(h.To.String(), roundTenth(sum)-shown, h)
		shown = roundTenth(sum)
	}
	row("end to end", roundTenth(r.EndToEnd.Mean), r.EndToEnd)
	lines := append([]string{traceCounts(r), ""}, tableLines(columns, rows)...)
	return append(lines, traceRemarks(r)...)
}

// traceCounts returns the first line of a report.
func traceCounts(r trace.Report) string {
	s := fmt.Sprintf("%s: %s done, %s on the way, %s stuck", text.Plural(r.Wanted, "reaction"), text.Thousands(r.Done), text.Thousands(r.OnTheWay), text.Thousands(r.Stuck))
	if r.NotFollowed > 0 {
		s += fmt.Sprintf(", %s not followed", text.Thousands(r.NotFollowed))
	}
	return s
}

// traceRemarks returns lines below the table that say what its numbers leave out.
func traceRemarks(r trace.Report) (lines []string) {
	for at, n := range r.StuckAt {
		lines = append(lines, fmt.Sprintf("%s stuck: last seen %s", text.Thousands(n), at))
	}
	slices.Sort(lines)
	if r.NotFollowed > 0 {
		lines = append(lines, "not followed: too many at once, or of a window whose beginning was not seen")
	}
	clock := map[trace.Stage]string{trace.Accepted: "the client's clock is ahead of the main server's", trace.Logged: "the main server's clock is ahead of this machine's"}
	for _, h := range r.Hops {
		if h.Negative > 0 {
			lines = append(lines, fmt.Sprintf("%s to %s below zero: %s", text.Plural(h.Negative, "hop"), h.To, clock[h.To]))
		}
	}
	if r.Recut > 1 {
		lines = append(lines, fmt.Sprintf("windows were cut otherwise %s times: if they overlap, none can be followed", text.Thousands(r.Recut)))
	}
	if r.Skipped > 0 {
		lines = append(lines, text.Plural(r.Skipped, "record")+" of emoji-topic that are no reactions")
	}
	if r.Unreadable > 0 {
		lines = append(lines, text.Plural(r.Unreadable, "record")+" of other topics that cannot be read")
	}
	return lines
}

// roundTenth rounds to one decimal.
func roundTenth(ms float64) float64 { return math.Round(ms*10) / 10 }

// tenths writes milliseconds with one decimal.
func tenths(ms float64) string {
	return text.Decimals(roundTenth(ms)+0, 1) // adding 0 makes 0 of -0
}

// tracePage returns the table, notes, and some reactions on their way, in at most height
// lines.
func tracePage(r trace.Report, notes []string, now time.Time, width, height int) []string {
	lines := append([]string{""}, traceTable(r)...)
	for _, n := range notes {
		lines = append(lines, text.WrapWords(text.Clean(n), width)...)
	}
	if len(r.Shown) == 0 {
		return lines
	}
	lines = append(lines, "")
	lines = append(lines, journeyTable(r.Shown, now)...)
	return lines[:min(len(lines), height)]
}

// journeyTable lists reactions with where each is, and how long it has taken so far.
func journeyTable(journeys []trace.Journey, now time.Time) []string {
	columns := []column{{title: "REACTION", width: 26}, {title: "CHANNEL", width: 18}, {title: "IS", width: 22}, {title: "MS SO FAR", width: 11, right: true}}
	var rows [][]string
	for _, j := range journeys {
		soFar := float64(j.Total()) / 1000
		if j.At[trace.Everywhere] == 0 && !j.Stuck {
			soFar = float64(now.UnixMicro()-j.Since()) / 1000
		}
		where := j.Stage().String()
		if j.Stuck {
			where = "stuck " + where
		}
		reaction := draw.Emoji(j.Emoji, draw.WidthByCodePoint, false) + "  " + text.CleanCells(j.User)
		rows = append(rows, []string{reaction, text.CleanCells(j.Channel), where, tenths(soFar)})
	}
	return tableLines(columns, rows)
}

// journeyPrinter prints reactions that are done or stuck.
type journeyPrinter struct {
	out  *bufio.Writer // flushed after every batch
	json bool
}

func (p *journeyPrinter) print(done []trace.Journey) error {
	for _, j := range done {
		line := []byte(text.Clean(journeyLine(j)))
		if p.json {
			line = text.EscapeJSON(journeyJSON(j))
		}
		if _, err := p.out.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return p.out.Flush()
}

// journeyLine prints a reaction and its hops for a person.
func journeyLine(j trace.Journey) string {
	s := fmt.Sprintf("%s  %s  %s", time.UnixMicro(j.At[trace.Accepted]).Format("15:04:05.000"), j.Emoji, j.User)
	if j.Channel != wire.MainChannel {
		s += "  in " + j.Channel
	}
	var hops []string
	for to := trace.Accepted; to <= trace.Everywhere; to++ {
		if us, ok := j.Hop(to); ok {
			hops = append(hops, fmt.Sprintf("%s %s", to, tenths(float64(us)/1000)))
		}
	}
	s += fmt.Sprintf("  %s ms: %s", tenths(float64(j.Total())/1000), strings.Join(hops, ", "))
	if j.Stuck {
		s += "; stuck there"
	}
	return s
}

// tracedReaction is a reaction as consume --trace -o json prints it.
type tracedReaction struct {
	Partition int                     `json:"partition"`
	Offset    int64                   `json:"offset"`
	User      string                  `json:"user_id"`
	Emoji     string                  `json:"emoji_type"`
	Channel   string                  `json:"channel"`
	WindowEnd *wire.Time              `json:"window_end"` // null: not known
	Accepted  wire.Time               `json:"accepted_at"`
	At        trace.Stage             `json:"at"`
	Stuck     bool                    `json:"stuck"`
	Hops      map[trace.Stage]float64 `json:"hops_ms"`
	Total     float64                 `json:"total_ms"`
}

func journeyJSON(j trace.Journey) []byte {
	t := tracedReaction{
		Partition: j.Partition, Offset: j.Offset, User: j.User, Emoji: j.Emoji, Channel: j.Channel,
		Accepted: wire.Time(j.At[trace.Accepted] / 1000), At: j.Stage(), Stuck: j.Stuck,
		Hops: map[trace.Stage]float64{}, Total: float64(j.Total()) / 1000,
	}
	if j.WindowEnd != 0 {
		end := wire.Time(j.WindowEnd)
		t.WindowEnd = &end
	}
	for to := trace.Accepted; to <= trace.Everywhere; to++ {
		if us, ok := j.Hop(to); ok {
			t.Hops[to] = float64(us) / 1000
		}
	}
	b, err := json.Marshal(t)
	if err != nil {
		panic(err) // strings and finite numbers always marshal
	}
	return b
}
