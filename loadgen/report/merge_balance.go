package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// maxWindows is how many windows that do not balance are kept in a report.
const maxWindows = 100

// balanceFigures holds the figures of a balance; nil means unknown.
type balanceFigures struct{ counted, lost, doubled, shifted, lostAtMost, doubledAtMost *int64 }

// balanceOf returns the figures of one report.
func balanceOf(r Report) balanceFigures {
	return balanceFigures{r.Counted, r.Lost, r.Doubled, r.Shifted, cmp.Or(r.LostAtMost, r.Lost), cmp.Or(r.DoubledAtMost, r.Doubled)}
}

// balanceOfNothing returns the figures where nothing was accepted.
func balanceOfNothing(counted *int64) balanceFigures {
	zero := func() *int64 { return new(int64(0)) }
	return balanceFigures{counted, zero(), zero(), zero(), zero(), zero()}
}

// mergeBalances adds the balances of all channels. If a figure is unknown for one
// channel, the sum is unknown. But where nothing was accepted, nothing was lost.
func mergeBalances(m *Report, reports []Report) {
	sum := balanceOfNothing(new(int64(0)))
	var balanced []Report // whose own books tell whether the sum is whole
	for _, channel := range channels(reports) {
		b := balanceOf(channel[0])
		if len(channel) > 1 {
			var note string
			if b, note = sharedBalance(channel); note != "" {
				m.Notes = append(m.Notes, note)
			}
			if b.counted == nil {
				balanced = append(balanced, channel...)
			}
		} else {
			balanced = append(balanced, channel[0])
			m.Windows = append(m.Windows, channel[0].Windows...)
			if b.counted != nil && b.lost == nil && channel[0].Accepted == 0 {
				b = balanceOfNothing(b.counted)
			}
		}
		sum = balanceFigures{
			plus(sum.counted, b.counted), plus(sum.lost, b.lost), plus(sum.doubled, b.doubled), plus(sum.shifted, b.shifted),
			plus(sum.lostAtMost, b.lostAtMost), plus(sum.doubledAtMost, b.doubledAtMost),
		}
	}
	m.UnbalancedBecause = joinValues(balanced, func(r Report) string { return r.UnbalancedBecause })
	m.Counted, m.Lost, m.Doubled, m.Shifted = sum.counted, sum.lost, sum.doubled, sum.shifted
	if m.Accepted == 0 && m.Lost != nil && *m.Lost+*m.Doubled == 0 {
		m.Lost, m.Doubled, m.Shifted = nil, nil, nil
	}
	if sum.lostAtMost != nil && sum.doubledAtMost != nil {
		m.SetAtMost(*sum.lostAtMost, *sum.doubledAtMost)
	}
	slices.SortStableFunc(m.Windows, func(a, b WindowBalance) int {
		return cmp.Or(a.End.Compare(b.End), cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Emoji, b.Emoji))
	})
	m.Windows = m.Windows[:min(len(m.Windows), maxWindows)]
}

// channels groups reports by channel, in their order. Runs of another service have no
// channel, and listeners are shown the events of their own run alone, which its markers
// tell from others: each is a group of its own.
func channels(reports []Report) [][]Report {
	var all [][]Report
	at := map[string]int{}
	for _, r := range reports {
		i, ok := at[r.Options.Channel]
		if !ok || r.Options.Channel == "" {
			i = len(all)
			at[r.Options.Channel] = i
			all = append(all, nil)
		}
		all[i] = append(all[i], r)
	}
	return all
}

// plus adds two figures. It returns nil if one is unknown.
func plus(a, b *int64) *int64 {
	if a == nil || b == nil {
		return nil
	}
	return new(*a + *b)
}

// sharedBalance returns the balance of generators that used one channel, and a note.
// Each generator was shown the reactions of all of them, in every window during which
// it listened. So the balance compares what all had accepted with what one generator
// counted that listened from the first start to the last end. It may have started late
// by 200 ms, the length of the shortest window, since a window is shown at its end. If
// there is no such generator, the balance is unknown, and the note says so.
//
// It is also unknown which windows do not balance: each report lists the windows that
// do not balance with its own reactions alone, and those are nearly all.
func sharedBalance(reports []Report) (balanceFigures, string) {
	const shortestWindow = 200 * time.Millisecond
	start, ms := period(reports)
	end := start.Add(time.Duration(ms * float64(time.Millisecond)))
	accepted, inDoubt := int64(0), int64(0)
	var counted *int64
	for _, r := range reports {
		accepted += r.Accepted
		inDoubt += r.InDoubt
		if r.Counted != nil && r.UnbalancedBecause == "" && r.Started.Sub(start) <= shortestWindow && !ended(r).Before(end.Add(-time.Millisecond)) {
			if counted == nil || *r.Counted > *counted {
				counted = r.Counted
			}
		}
	}
	name := clip(reports[0].Options.Channel, 64)
	if counted == nil {
		return balanceFigures{}, fmt.Sprintf("The books of the shared channel %s are not available: no generator listened from the first start to the last end. Start all with --start-at, or give each a channel of its own.", name)
	}
	missing, surplus := max(0, accepted-*counted), max(0, *counted-accepted)
	return balanceFigures{
			counted: counted, lost: &missing, doubled: new(max(0, surplus-inDoubt)),
			lostAtMost: new(min(accepted, missing+inDoubt)), doubledAtMost: &surplus,
		},
		fmt.Sprintf("%d generators shared the channel %s: whether reactions were shifted, and in which windows, cannot be told from their reports.", len(reports), name)
}
