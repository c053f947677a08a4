package doctor

import (
	"fmt"
	"time"

	"github.com/emostream/emostream/internal/inspect/watermark"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/wire"
)

// Group is a consumer group of aggregate, and how many records wait for it.
type Group struct {
	kafka.GroupState
	Name    string
	Topic   string
	Waiting int64         // records that the group has not passed on yet
	Oldest  time.Duration // age of the oldest record that waits
	Gone    int64         // records that retention removed before the group passed them on
	Beyond  int64         // how many records its commits are past the log's end
}

// Hop is a step of publish, from one topic to another.
type Hop struct {
	kafka.GroupState
	Group    string
	From, To string
	Behind   time.Duration // how much older the newest window in To is than the newest in From
	Fed      bool          // subscriber servers that are alive need it
}

// Counting holds the facts about the way from reactions to swarms.
type Counting struct {
	Combine, Reduce Group
	// Mark is the newest mark of aggregate; nil: there is none.
	Mark *wire.Mark
	// Other says that another program than aggregate counts, such as a Spark job.
	Other bool
	// Ahead are the partitions of emoji-topic whose watermark is ahead of the clock.
	Ahead []watermark.Ahead
	// Unfinished are those of which a reset was interrupted.
	Unfinished []int
	// Reactions and Partials are the numbers of partitions of these topics.
	Reactions, Partials int
	// Given are the window and the lateness that are set on this machine; a zero one is
	// not set.
	Given wire.Settings
	// MaxBehind is the greatest age that a reaction may have before it is counted.
	MaxBehind time.Duration
	Hops      []Hop
}

// CheckCounting says whether reactions are counted and published.
func CheckCounting(c Counting) []Finding {
	l := findings{area: areaCounting}
	l.settings(c)
	l.partitions(c)
	switch {
	case c.Other:
		l.ok(c.Combine.Name, "counted by another program: there are counts, and no marks of aggregate")
	case well(l.all):
		l.aggregate(c)
	}
	for _, a := range c.Ahead {
		l.wrong("watermark", fmt.Sprintf("that of %s/%d is ahead of the clock, and its reactions are not shown before %v", a.Topic, a.Partition, a.Until),
			"a clock was wrong, or another program writes such times", "set the clock, then "+watermark.Command)
	}
	if len(c.Unfinished) > 0 {
		l.wrong("reset", fmt.Sprintf("a reset of the watermark of %s was interrupted, in the partitions %v", c.Combine.Topic, c.Unfinished),
			"until it ends, aggregate closes no windows", watermark.Command)
	}
	for _, h := range c.Hops {
		if !well(l.all) {
			break // later hops depend on what is wrong
		}
		if l.hop(h); h.Members == 0 {
			break
		}
	}
	return l.all
}

func (l *findings) settings(c Counting) {
	if c.Mark == nil {
		return
	}
	given, counted := c.Given, c.Mark.Settings
	if given.WindowMS == 0 {
		given.WindowMS = counted.WindowMS
	}
	if given.LatenessMS == 0 {
		given.LatenessMS = counted.LatenessMS
	}
	if given != counted {
		l.wrong("settings", fmt.Sprintf("the counting is done with %s, and the settings here say %s", flags(counted), flags(given)),
			"an aggregate that is started with others refuses", "say the same everywhere; emostream config view --origins tells where it is said")
		return
	}
	l.ok("settings", "counted with %s", flags(counted))
}

// flags returns the flags of aggregate that give these settings.
func flags(s wire.Settings) string {
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	return fmt.Sprintf("--window %v --lateness %v", ms(s.WindowMS), ms(s.LatenessMS))
}

func (l *findings) partitions(c Counting) {
	if c.Mark == nil {
		return
	}
	for _, t := range []struct {
		topic     string
		now, then int
	}{{c.Combine.Topic, c.Reactions, c.Mark.Partitions}, {c.Reduce.Topic, c.Partials, c.Mark.Reducers}} {
		if t.now != t.then {
			l.wrong("partitions", fmt.Sprintf("%s has %s, and had %d when it was last counted", t.topic, many(t.now, "partition"), t.then),
				"windows that are open may be counted apart",
				"stop serve, let aggregate finish what is there, then start everything again")
		}
	}
}

// aggregate checks both consumer groups of aggregate. It stops at the first one that
// has a fault, since one process runs both.
func (l *findings) aggregate(c Counting) {
	start := "start emostream aggregate"
	for _, g := range []Group{c.Combine, c.Reduce} {
		waiting := fmt.Sprintf("%s of %s not counted", many(int(g.Waiting), "record"), g.Topic)
		switch {
		case g.Beyond > 0:
			l.wrong(g.Name, fmt.Sprintf("it has counted %s more than %s holds", many(int(g.Beyond), "record"), g.Topic),
				"the log has lost its tail, or was made anew", "start aggregate once with --reset-lost")
		case g.Gone > 0:
			l.wrong(g.Name, fmt.Sprintf("%s of %s are gone before they were counted", many(int(g.Gone), "record"), g.Topic),
				"aggregate was away for longer than the topic's retention, and stops", "start it once with --reset-lost, and let retention be longer (emostream topics retain)")
		case g.Members == 0 && g.Waiting > 0:
			l.wrong(g.Name, "nobody counts, and "+waiting, "screens stay quiet", start)
		case g.Members == 0:
			l.note(g.Name, "nobody counts just now, and nothing waits", "the next reaction would", start)
		case g.Waiting > 0 && g.Oldest > c.MaxBehind:
			l.wrong(g.Name, fmt.Sprintf("behind: %s, the oldest for %s", waiting, about(g.Oldest)),
				"windows are shown late", fmt.Sprintf("see its log; up to %d copies share the work", c.Reactions))
		case g.State != "Stable":
			l.note(g.Name, "the work is being shared out anew ("+g.State+")", "a copy came or went, and counting waits for a moment", "ask again; if it stays so, see the logs of aggregate")
		default:
			l.ok(g.Name, "%s, %s waiting", many(g.Members, "member"), many(int(g.Waiting), "record"))
			continue
		}
		return
	}
}

func (l *findings) hop(h Hop) {
	const why, start = "listeners see nothing", "start emostream publish"
	behind := ""
	if h.Behind > 0 {
		behind = fmt.Sprintf(": the newest window in %s is %s older than in %s", h.To, about(h.Behind), h.From)
	}
	switch {
	case h.Members == 0 && (h.Behind > 0 || h.Fed):
		l.wrong(h.Group, "nobody publishes what is in "+h.From+behind, why, start)
	case h.Members == 0:
		l.note(h.Group, "nobody publishes just now, and nothing waits", "the next window would", start)
	case h.Behind > 0:
		l.wrong(h.Group, "behind"+behind, why, "see the log of publish")
	default:
		l.ok(h.Group, "%s", many(h.Members, "member"))
	}
}
