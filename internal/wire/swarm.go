package wire

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/emostream/emostream/internal/text/quote"
)

// EmojiCount is how often one emoji was sent in a swarm's window.
type EmojiCount struct {
	Emoji  string  `json:"emoji_type"`
	Count  int64   `json:"emoji_count"`
	Scaled float64 `json:"emoji_count_aggregated"`
}

// Swarm is all counts of one window of one channel: a record of cluster_N and sub_N,
// and what a listener receives. Total is the number of all reactions, also of emojis
// that are not listed. Of two swarms of the same window and channel, the one with the
// greater total is right.
type Swarm struct {
	Channel string       `json:"channel"`
	Window  Window       `json:"window"`
	Total   int64        `json:"total"`
	Emojis  []EmojiCount `json:"emojis"`
}

// maxTotal is the greatest total of a swarm: of all emojis that there are, each with the
// greatest count.
const maxTotal = 10_000 * MaxCount

// DefaultTop is how many emojis a swarm lists by default.
const DefaultTop = 50

// NewSwarm returns a swarm of the counts of a window's emojis. counts must have at most
// one count of each emoji. NewSwarm sorts it in place, the most frequent emoji first
// and equal ones by code point, and lists the first top of them in the swarm.
func NewSwarm(channel string, w Window, counts []EmojiCount, top int) Swarm {
	slices.SortFunc(counts, func(a, b EmojiCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Emoji, b.Emoji))
	})
	s := Swarm{Channel: channel, Window: w, Emojis: []EmojiCount{}}
	for _, t := range counts {
		s.Total += t.Count
	}
	if len(counts) > 0 {
		s.Emojis = counts[:min(top, len(counts))]
	}
	return s
}

// AddSpellings adds up the counts of each emoji that is spelled in several ways, in place:
// of all of which canonical returns the same. counts must have at most one count of each
// spelling: the greatest, since counts are snapshots.
//
// Scaled counts are added, too. The rule that made them is not known here, since another
// program may have its own. Rules show few reactions as 1, so that 5 and 4 of two
// spellings come to 2, where 9 of one would be 1. By the rule of the Python system, /sub1
// repeats the emoji never less often for that, and at most once more for each further
// spelling. Where a rule is not linear, or has a cap, the sum goes beyond what it says of
// the sum of the counts.
func AddSpellings(counts []EmojiCount, canonical func(string) string) []EmojiCount {
	// In an order of their own, since the sum of fractions depends on it.
	slices.SortFunc(counts, func(a, b EmojiCount) int { return cmp.Compare(a.Emoji, b.Emoji) })
	index := make(map[string]int, len(counts))
	sums := counts[:0]
	for _, c := range counts {
		c.Emoji = canonical(c.Emoji)
		i, ok := index[c.Emoji]
		if !ok {
			index[c.Emoji] = len(sums)
			sums = append(sums, c)
			continue
		}
		sums[i].Count = min(sums[i].Count+c.Count, MaxCount)
		sums[i].Scaled = addScaled(sums[i].Scaled, c.Scaled)
	}
	return sums
}

// addScaled returns a + b without the error of binary fractions: 70.1 and 29.9 are 100,
// which is not rounded up to 101. The sum is not less than a or b, and stays a number that
// JSON has.
func addScaled(a, b float64) float64 {
	const digits = 1e6
	sum := min(a+b, math.MaxFloat64)
	if sum < 1e9 {
		return max(math.Round(sum*digits)/digits, a, b)
	}
	return sum
}

// Without returns a swarm without the emojis that are hidden, and whether that is another
// swarm. The total stays.
func (s Swarm) Without(hidden map[string]bool) (Swarm, bool) {
	isHidden := func(e EmojiCount) bool { return hidden[e.Emoji] }
	if len(hidden) == 0 || !slices.ContainsFunc(s.Emojis, isHidden) {
		return s, false
	}
	s.Emojis = slices.DeleteFunc(slices.Clone(s.Emojis), isHidden)
	return s, true
}

// DecodeSwarm decodes a swarm, and checks what its readers rely on.
func DecodeSwarm(b []byte) (Swarm, error) {
	var s Swarm
	if err := json.Unmarshal(b, &s); err != nil {
		return Swarm{}, fmt.Errorf("swarm: %w", err)
	}
	for _, e := range s.Emojis {
		if e.Count < 0 || e.Count > MaxCount || e.Scaled < 0 {
			return Swarm{}, fmt.Errorf("swarm: %s is listed with a count that cannot be", quote.Text(e.Emoji, 20))
		}
	}
	switch {
	case !ValidChannel(s.Channel):
		return Swarm{}, fmt.Errorf("swarm: channel must be 1 to %d of A-Z a-z 0-9 . _ -", MaxChannel)
	case !s.Window.valid():
		return Swarm{}, fmt.Errorf("swarm: it has no window")
	case s.Total < 0:
		return Swarm{}, fmt.Errorf("swarm: its total is below zero")
	case s.Total > maxTotal:
		return Swarm{}, fmt.Errorf("swarm: its total of %d cannot be", s.Total)
	}
	return s, nil
}
