package report

import (
	"fmt"
	"slices"

	"github.com/emostream/emostream/internal/text"
)

// Borne says what the target did to listeners of one kind that do not read as others do.
// Those that are neither kept nor ended were never connected.
type Borne struct {
	Wanted int `json:"wanted"`
	Kept   int `json:"kept"`  // whose connection the target kept to the end of the run
	Ended  int `json:"ended"` // whose connection it ended
}

// Stream holds what one of several streams of another service showed. Each event is
// expected on all of them.
type Stream struct {
	URL       string   `json:"url"`
	Connected int      `json:"connected"` // the greatest number of listeners at one time
	Counted   *int64   `json:"counted"`   // nil, as the following, if nobody was connected, or no event held a marker
	Lost      *int64   `json:"lost"`
	Doubled   *int64   `json:"doubled"`
	Gaps      *int64   `json:"gaps"` // events that another listener was shown, by the listeners that did not leave
	EndToEnd  *Latency `json:"e2e"`
}

// borneKinds returns the listeners that do not read as others do, by the name of their
// flag.
func borneKinds(l Listeners) []struct {
	name, what string
	borne      *Borne
} {
	return []struct {
		name, what string
		borne      *Borne
	}{{"slow", "read slowly", l.Slow}, {"stalled", "never read", l.Stalled}, {"mute", "asked for nothing", l.Mute}}
}

// inWords returns what became of the listeners.
func (b Borne) inWords() string {
	said := fmt.Sprintf("kept %s, ended %s", text.Thousands(int64(b.Kept)), text.Thousands(int64(b.Ended)))
	if never := b.Wanted - b.Kept - b.Ended; never > 0 {
		said += fmt.Sprintf(", never connected %s", text.Thousands(int64(never)))
	}
	return said
}

// borneMetrics returns the metrics of listeners that do not read as others do.
func borneMetrics() []metric {
	var all []metric
	for i, kind := range borneKinds(Listeners{}) {
		of := func(name string, value func(Borne) int) metric {
			return metric{name: kind.name + "_" + name, unit: plain, value: func(r Report) *float64 {
				b := borneKinds(r.Listeners)[i].borne
				if b == nil || b.Kept+b.Ended == 0 { // none was connected
					return nil
				}
				return new(float64(value(*b)))
			}}
		}
		all = append(all, of("kept", func(b Borne) int { return b.Kept }), of("ended", func(b Borne) int { return b.Ended }))
	}
	return all
}

// addBorne adds b to the sum; nil adds nothing.
func addBorne(to **Borne, b *Borne) {
	if b == nil {
		return
	}
	if *to == nil {
		*to = &Borne{}
	}
	(*to).Wanted += b.Wanted
	(*to).Kept += b.Kept
	(*to).Ended += b.Ended
}

// mergeStreams adds what the listeners of several generators were shown of each stream.
// Each generator's listeners are shown its own events: markers are of one run.
func mergeStreams(reports []Report) ([]Stream, error) {
	var all []Stream
	for _, r := range reports {
		for _, s := range r.Streams {
			i := slices.IndexFunc(all, func(o Stream) bool { return o.URL == s.URL })
			if i < 0 {
				all = append(all, s)
				continue
			}
			sum := &all[i]
			sum.Connected += s.Connected
			sum.Counted, sum.Lost, sum.Doubled, sum.Gaps = plus(sum.Counted, s.Counted), plus(sum.Lost, s.Lost), plus(sum.Doubled, s.Doubled), plus(sum.Gaps, s.Gaps)
			var err error
			if sum.EndToEnd, err = addLatencies(sum.EndToEnd, s.EndToEnd); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// addLatencies adds the histograms of two latencies, either of which may be nil.
func addLatencies(a, b *Latency) (*Latency, error) {
	sum := NewHistogram()
	for _, l := range []*Latency{a, b} {
		if l == nil {
			continue
		}
		h, err := l.Decode()
		if err != nil {
			return nil, err
		}
		sum.Merge(h)
	}
	return sum.Latency(), nil
}

// shownStreams is how many streams a text report shows.
const shownStreams = 10

// streams writes what each stream showed.
func (p *textWriter) streams(all []Stream) {
	if len(all) == 0 {
		return
	}
	p.section("Streams")
	for _, s := range all[:min(len(all), shownStreams)] {
		p.line("  %s", clip(s.URL, width-2))
		for _, l := range wrap(s.inWords(), width-4) {
			p.line("    %s", l)
		}
	}
	p.more(len(all), shownStreams, "in the JSON report")
}

// known formats a count of a stream, which may not be known.
func known(n *int64) string {
	if n == nil {
		return "n/a"
	}
	return text.Thousands(*n)
}

// inWords returns what a stream showed.
func (s Stream) inWords() string {
	said := fmt.Sprintf("%s, counted %s, lost %s, doubled %s, gaps %s", text.Plural(int64(s.Connected), "listener"),
		known(s.Counted), known(s.Lost), known(s.Doubled), known(s.Gaps))
	if s.EndToEnd != nil {
		said += ", e2e p99 " + text.Decimals(s.EndToEnd.P99, 1) + " ms"
	}
	return said
}
