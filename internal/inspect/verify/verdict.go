package verify

import (
	"cmp"
	"slices"

	"github.com/emostream/emostream/internal/inspect/watermark"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// ReportVersion is the version of the format of a report. Fields may be added without a
// new version; a greater version means that the meaning of some fields has changed.
const ReportVersion = 1

// The verdicts of a report.
const (
	Agree     = "agree"     // everything owed was counted once
	Differ    = "differ"    // reactions were lost or counted twice
	Undecided = "undecided" // no difference was found, but not everything owed could be compared
)

// What was compared.
const (
	ByWindow = "windows" // each window of each channel, emoji by emoji
	ByTotal  = "totals"  // the sums over all windows, by channel and emoji
)

// Report is what verifying found. Reactions is always Counted + Lost + Open + LeftOut -
// Doubled.
type Report struct {
	Version  int    `json:"v"`
	Verdict  string `json:"verdict"`
	Compared string `json:"compared"`
	// Source says where the settings are from: "given", "emoji-partials", or "none".
	// With "none" only totals are compared, and the window length is that of the counts
	// in emoji-aggregated.
	Source string `json:"settings_from"`
	wire.Settings

	Reactions  int64 `json:"reactions"`  // in emoji-topic, as far as it was read
	Skipped    int64 `json:"skipped"`    // records of emoji-topic that are no reactions
	Late       int64 `json:"late"`       // reactions that were counted in a later window than that of their time
	Counted    int64 `json:"counted"`    // the sum of the greatest counts
	Unreadable int64 `json:"unreadable"` // records of emoji-aggregated that are no counts
	Lost       int64 `json:"lost"`       // owed and not counted, summed over windows, channels and emojis
	Doubled    int64 `json:"doubled"`    // counted and not in the log, summed likewise
	Open       int64 `json:"open"`       // reactions that need not be counted yet: of open windows, or sent after the check began
	LeftOut    int64 `json:"left_out"`   // reactions that are not compared because retention removed records of their windows

	// Windows are counted by channel: one that two channels have counts twice.
	Windows          int `json:"windows"` // compared; 0 if only totals were compared
	WindowsOpen      int `json:"windows_open"`
	WindowsLeftOut   int `json:"windows_left_out"`
	WindowsUndecided int `json:"windows_undecided"` // compared, but their reactions never ceased to come

	// Written is the end of the newest window that was counted, where only totals are
	// compared. Reactions that came later are open.
	Written wire.Time `json:"written,omitzero"`
	// Behind says that some of these came so much later that the program that counts may
	// have ended.
	Behind bool `json:"behind,omitempty"`

	// Blocked is what lies behind open transactions of other programs.
	Blocked []Blocked `json:"blocked,omitempty"`

	// Ahead are the partitions of emoji-topic whose watermark is ahead of the clock. Their
	// reactions are counted in windows that are shown only when their time comes.
	Ahead []watermark.Ahead `json:"ahead,omitempty"`

	// Differences are the first hundred, in the order of their windows; More is how
	// many more there are.
	Differences []Difference `json:"differences"`
	More        int          `json:"more_differences"`

	// Latest is the window whose last count was written the longest time after the
	// window's end; nil if nothing was counted.
	Latest *Delay `json:"latest,omitempty"`
}

// Difference is an emoji of a window and channel of which too few or too many reactions
// were counted. If only totals were compared it has no window.
type Difference struct {
	Window  wire.Window `json:"window,omitzero"`
	Channel string      `json:"channel"`
	Emoji   string      `json:"emoji_type"`
	Log     int64       `json:"log"` // if too few were counted, how many had to be; else how many the log holds
	Counted int64       `json:"counted"`
}

// Blocked is a part of a topic that cannot be read, because a transaction is open in
// front of it.
type Blocked struct {
	Topic     string `json:"topic"`
	Partition int    `json:"partition"`
	Offset    int64  `json:"offset"` // where the transaction begins
	Records   int64  `json:"records"`
}

// Delay is how long after its end a window got its last count.
type Delay struct {
	Window  wire.Window `json:"window"`
	Channel string      `json:"channel"`
	MS      int64       `json:"delay_ms"`
}

// maxDifferences is how many differences a report lists.
const maxDifferences = 100

// Report returns what was found so far. It calls everything lost that is owed and not
// counted: the caller must have waited for the counting before.
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
		if l.totals.written != windowing.Never {
			r.Written = wire.Time(l.totals.written)
		}
	}
	cut, compared := l.leftOutUntil(), 0
	for _, g := range l.groups {
		if !g.compared(l) {
			if cut == windowing.Never {
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
	r.Behind = r.Open > 0 && r.Compared == ByTotal && l.totals.behind()
	r.sort()
	r.judge(compared)
	return r
}

// add adds a group that is compared.
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

// delay keeps the window as Latest, if it got its last count later than all before.
func (r *Report) delay(g *group) {
	d := Delay{g.window, g.channel, windowing.Never}
	for _, c := range g.emojis {
		if c.counted > 0 {
			d.MS = max(d.MS, c.at-g.window.End)
		}
	}
	if d.MS != windowing.Never && (r.Latest == nil || byDelay(d, *r.Latest) > 0) {
		r.Latest = &d
	}
}

// byDelay orders delays. Of two equal ones the one with the newer window is greater, so
// that the order is always the same.
func byDelay(a, b Delay) int {
	return cmp.Or(cmp.Compare(a.MS, b.MS), cmp.Compare(a.Window.End, b.Window.End), cmp.Compare(a.Channel, b.Channel))
}

// sort orders the differences, and cuts them off after the first maxDifferences.
func (r *Report) sort() {
	slices.SortFunc(r.Differences, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Window.End, b.Window.End), cmp.Compare(a.Window.Start, b.Window.Start),
			cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Emoji, b.Emoji))
	})
	if more := len(r.Differences) - maxDifferences; more > 0 {
		r.Differences, r.More = slices.Clip(r.Differences[:maxDifferences]), more
	}
}

// block adds what lies behind open transactions, and calls undecided what they keep from
// being decided. counts says that counts may be among it.
func (r *Report) block(parts []Blocked, counts bool) {
	r.Blocked = append(r.Blocked, parts...)
	if len(parts) > 0 && (r.Verdict == Agree || counts && r.Doubled == 0) {
		r.Verdict = Undecided
	}
}

func (r *Report) judge(compared int) {
	switch {
	case r.Lost+r.Doubled > 0:
		r.Verdict = Differ
	case r.WindowsUndecided > 0, r.Behind, compared == 0 && r.Open+r.LeftOut+int64(r.WindowsLeftOut) > 0:
		r.Verdict = Undecided
	default:
		r.Verdict = Agree
	}
}
