package verify

import (
	"cmp"
	"slices"

	"github.com/emostream/emostream/internal/wire"
)

// ReportVersion is the version of a report's form. Fields may be added to it; a
// greater one means that some have changed their meaning.
const ReportVersion = 1

// Verdicts of a report.
const (
	Agree     = "agree"     // what is owed was counted, once
	Differ    = "differ"    // something was lost or doubled
	Undecided = "undecided" // nothing says so, but not all that is owed could be compared
)

// What was compared.
const (
	ByWindow = "windows" // each window of each channel, emoji by emoji
	ByTotal  = "totals"  // the sums over all windows, by channel and emoji
)

// Report is what verifying found. Reactions is always the sum of Counted, Lost,
// Open and LeftOut, less Doubled.
type Report struct {
	Version  int    `json:"v"`
	Verdict  string `json:"verdict"`
	Compared string `json:"compared"`
	// Source says where the settings are from: "given", "emoji-partials", or
	// "none", when they are unknown; then only totals are compared, and the
	// window length is what emoji-aggregated shows.
	Source string `json:"settings_from"`
	wire.Settings

	Reactions  int64 `json:"reactions"`  // in emoji-topic, as far as it was read
	Skipped    int64 `json:"skipped"`    // records of emoji-topic that are no reactions
	Late       int64 `json:"late"`       // reactions in a later window than their time's
	Counted    int64 `json:"counted"`    // the sum of the greatest counts
	Unreadable int64 `json:"unreadable"` // records of emoji-aggregated that are no counts
	Lost       int64 `json:"lost"`       // owed and not counted, summed over windows, channels and emojis
	Doubled    int64 `json:"doubled"`    // counted and not in the log, summed likewise
	Open       int64 `json:"open"`       // reactions that owe nothing yet: of open windows, or later than the check
	LeftOut    int64 `json:"left_out"`   // reactions that retention keeps from being compared

	// A window of two channels counts twice.
	Windows          int `json:"windows"` // compared; none where only totals were
	WindowsOpen      int `json:"windows_open"`
	WindowsLeftOut   int `json:"windows_left_out"`
	WindowsUndecided int `json:"windows_undecided"` // compared, but reactions never ceased to come

	// Differences are the first hundred, by window; More is how many there are
	// beyond.
	Differences []Difference `json:"differences"`
	More        int          `json:"more_differences"`

	// Latest is the window whose final count was written the longest after its
	// end; nil if there is none.
	Latest *Delay `json:"latest,omitempty"`
}

// Difference is an emoji in a window of a channel of which too few or too many
// were counted. Where only totals were compared it has no window.
type Difference struct {
	Window  wire.Window `json:"window,omitzero"`
	Channel string      `json:"channel"`
	Emoji   string      `json:"emoji_type"`
	Log     int64       `json:"log"` // how many had to be counted if too few were, else how many there are
	Counted int64       `json:"counted"`
}

// Delay is how long after its end a window had its final count.
type Delay struct {
	Window  wire.Window `json:"window"`
	Channel string      `json:"channel"`
	MS      int64       `json:"delay_ms"`
}

// maxDifferences is how many differences a report lists.

const maxDifferences = 100

// Report tells what was found so far. What is owed and not counted is lost:
// whoever asks must have waited for it.
func (l *Comparison) Report() Report {
	r := Report{
		Version: ReportVersion, Compared: ByTotal, Settings: l.settings,
		Reactions: l.reactions, Skipped: l.skipped, Late: l.late, Unreadable: l.unreadable,
		Differences: []Difference{},
	}
	if l.byWindow() {
		r.Compared = ByWindow
	} else {
		r.WindowMS = l.length
	}
	cut, compared := l.leftOutUntil(), 0
	for _, g := range l.groups {
		if !g.compared(l) {
			if cut == Never {
				r.delay(g)
			}
			continue
		}
		if g.window.End <= cut {
			r.leaveOut(g)
			continue
		}
		r.add(g)
		if g.window.End > l.dueWindow {
			r.WindowsOpen++
			continue
		}
		compared++
		if l.byWindow() {
			r.Windows++
			r.delay(g)
		}
	}
	r.sort()
	r.judge(compared)
	return r
}

// add adds what is known of a window of a channel.
func (r *Report) add(g *group) {
	undecided := false
	for emoji, c := range g.emojis {
		r.Counted += c.counted
		r.Open += max(0, c.log-max(c.counted, c.owed))
		lost, doubled := max(0, c.owed-c.counted), max(0, c.counted-c.log)
		r.Lost += lost
		r.Doubled += doubled
		if lost+doubled > 0 {
			r.Differences = append(r.Differences, Difference{g.window, g.channel, emoji, c.counted + lost - doubled, c.counted})
		}
		undecided = undecided || c.undecided()
	}
	if undecided {
		r.WindowsUndecided++
	}
}

func (r *Report) leaveOut(g *group) {
	if g.window != (wire.Window{}) {
		r.WindowsLeftOut++
	}
	for _, c := range g.emojis {
		r.LeftOut += c.log
	}
}

// delay keeps the window if its final counts came later than those of any before.
func (r *Report) delay(g *group) {
	d := Delay{g.window, g.channel, Never}
	for _, c := range g.emojis {
		if c.counted > 0 {
			d.MS = max(d.MS, c.at-g.window.End)
		}
	}
	if d.MS != Never && (r.Latest == nil || byDelay(d, *r.Latest) > 0) {
		r.Latest = &d
	}
}

// byDelay orders delays; of equal ones the newer window is greater, so that two
// runs agree.
func byDelay(a, b Delay) int {
	return cmp.Or(cmp.Compare(a.MS, b.MS), cmp.Compare(a.Window.End, b.Window.End), cmp.Compare(a.Channel, b.Channel))
}

// sort orders the differences and keeps the first ones.
func (r *Report) sort() {
	slices.SortFunc(r.Differences, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Window.End, b.Window.End), cmp.Compare(a.Window.Start, b.Window.Start),
			cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Emoji, b.Emoji))
	})
	if more := len(r.Differences) - maxDifferences; more > 0 {
		r.Differences, r.More = slices.Clip(r.Differences[:maxDifferences]), more
	}
}

func (r *Report) judge(compared int) {
	switch {
	case r.Lost+r.Doubled > 0:
		r.Verdict = Differ
	case r.WindowsUndecided > 0, compared == 0 && r.Open+r.LeftOut+int64(r.WindowsLeftOut) > 0:
		r.Verdict = Undecided
	default:
		r.Verdict = Agree
	}
}
