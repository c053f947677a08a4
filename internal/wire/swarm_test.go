package wire_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/wire"
)

func TestNewSwarm(t *testing.T) {
	w := wire.Window{Start: at - 2000, End: at}
	for name, tt := range map[string]struct {
		counts []wire.EmojiCount
		top    int
		want   wire.Swarm
	}{
		"nothing": {nil, 3, wire.Swarm{Emojis: []wire.EmojiCount{}}},
		"most frequent first": {
			[]wire.EmojiCount{{"😂", 2, 1}, {"🔥", 30, 3}, {"👍", 5, 1}},
			3,
			wire.Swarm{Total: 37, Emojis: []wire.EmojiCount{{"🔥", 30, 3}, {"👍", 5, 1}, {"😂", 2, 1}}},
		},
		"ties by code point": {
			// U+1F602, U+1F525, U+2764, U+1F44D: in the order of UTF-16 the third would
			// not come first.
			[]wire.EmojiCount{{"😂", 1, 1}, {"🔥", 1, 1}, {"❤️", 1, 1}, {"👍", 1, 1}},
			9,
			wire.Swarm{Total: 4, Emojis: []wire.EmojiCount{{"❤️", 1, 1}, {"👍", 1, 1}, {"🔥", 1, 1}, {"😂", 1, 1}}},
		},
		"the total counts those beyond the top": {
			[]wire.EmojiCount{{"a", 1, 1}, {"b", 2, 1}, {"c", 3, 1}},
			2,
			wire.Swarm{Total: 6, Emojis: []wire.EmojiCount{{"c", 3, 1}, {"b", 2, 1}}},
		},
		"as many as the top": {
			[]wire.EmojiCount{{"a", 1, 1}, {"b", 2, 1}},
			2,
			wire.Swarm{Total: 3, Emojis: []wire.EmojiCount{{"b", 2, 1}, {"a", 1, 1}}},
		},
		"none at the top": {
			[]wire.EmojiCount{{"a", 1, 1}},
			0,
			wire.Swarm{Total: 1, Emojis: []wire.EmojiCount{}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tt.want.Channel, tt.want.Window = "a", w
			if diff := cmp.Diff(tt.want, wire.NewSwarm("a", w, tt.counts, tt.top)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The counts of an emoji's spellings are added up, whatever their order.
func TestAddSpellings(t *testing.T) {
	upper := strings.ToUpper // stands for the function that knows emojis
	for name, tt := range map[string]struct{ counts, want []wire.EmojiCount }{
		"nothing":                    {nil, nil},
		"none has two spellings":     {[]wire.EmojiCount{{"B", 2, 1}, {"A", 1, 1}}, []wire.EmojiCount{{"A", 1, 1}, {"B", 2, 1}}},
		"only the other spelling":    {[]wire.EmojiCount{{"a", 3, 1}}, []wire.EmojiCount{{"A", 3, 1}}},
		"two":                        {[]wire.EmojiCount{{"a", 30, 3}, {"B", 1, 1}, {"A", 12, 1.2}}, []wire.EmojiCount{{"A", 42, 4.2}, {"B", 1, 1}}},
		"three":                      {[]wire.EmojiCount{{"ab", 1, 0.1}, {"aB", 2, 0.2}, {"AB", 3, 0.3}}, []wire.EmojiCount{{"AB", 6, 0.6}}},
		"few of each are shown each": {[]wire.EmojiCount{{"a", 5, 1}, {"A", 4, 1}}, []wire.EmojiCount{{"A", 9, 2}}},
		"no count is too great":      {[]wire.EmojiCount{{"a", wire.MaxCount, 1e300}, {"A", 1, 1e300}}, []wire.EmojiCount{{"A", wire.MaxCount, 2e300}}},
		"tiny ones are not lost":     {[]wire.EmojiCount{{"a", 1, 1e-7}, {"A", 1, 1e-7}}, []wire.EmojiCount{{"A", 2, 1e-7}}},
		"nor is one of two":          {[]wire.EmojiCount{{"a", 0, 0}, {"A", 1, 1.0000004}}, []wire.EmojiCount{{"A", 1, 1.0000004}}},
		"JSON has every sum":         {[]wire.EmojiCount{{"a", 1, math.MaxFloat64}, {"A", 1, math.MaxFloat64}}, []wire.EmojiCount{{"A", 2, math.MaxFloat64}}},
	} {
		for range 10 {
			rand.Shuffle(len(tt.counts), func(i, j int) { tt.counts[i], tt.counts[j] = tt.counts[j], tt.counts[i] })
			if diff := cmp.Diff(tt.want, wire.AddSpellings(slices.Clone(tt.counts), upper)); diff != "" {
				t.Errorf("%s: of %v (-want +got):\n%s", name, tt.counts, diff)
			}
		}
	}
}

// By the scaling rule of the Python system, two spellings are rounded up to no less than
// one would be, and to one more at most.
func TestAddSpellingsRoundsUp(t *testing.T) {
	scale := func(n int) float64 {
		if n < 10 {
			return 1
		}
		return float64(n) / 10
	}
	for a := 1; a < 1100; a++ {
		for b := 1; b <= a; b++ {
			if a > 50 && (a+b)%10 != 0 { // the sums that fractions can push over a whole number
				continue
			}
			counts := []wire.EmojiCount{{"a", int64(a), scale(a)}, {"A", int64(b), scale(b)}}
			sum := math.Ceil(wire.AddSpellings(counts, strings.ToUpper)[0].Scaled)
			one := math.Ceil(scale(a + b))
			if sum < one || sum > one+1 || a >= 10 && b >= 10 && sum != one {
				t.Fatalf("%d and %d are rounded up to %v, %d would be to %v", a, b, sum, a+b, one)
			}
		}
	}
}

func TestSwarmJSON(t *testing.T) {
	w := wire.Window{Start: at - 2000, End: at}
	const window = `"window":{"start":"2026-01-02T03:04:03.000Z","end":"2026-01-02T03:04:05.000Z"}`
	for name, tt := range map[string]struct {
		swarm wire.Swarm
		want  string
	}{
		"an empty one lists none": {wire.NewSwarm("main", w, nil, 50), `{"channel":"main",` + window + `,"total":0,"emojis":[]}`},
		"one with an emoji": {
			wire.NewSwarm("a", w, []wire.EmojiCount{{"🔥", 25, 2.5}}, 50),
			`{"channel":"a",` + window + `,"total":25,"emojis":[{"emoji_type":"🔥","emoji_count":25,"emoji_count_aggregated":2.5}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := json.Marshal(tt.swarm)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(b)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			got, err := wire.DecodeSwarm(b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.swarm, got); diff != "" {
				t.Errorf("read again (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeSwarmRefuses(t *testing.T) {
	const window = `"window":{"start":"2026-01-02T03:04:03Z","end":"2026-01-02T03:04:05Z"}`
	for name, tt := range map[string]struct{ value, why string }{
		"nothing":                    {"", "swarm: "},
		"a list":                     {"[]", "swarm: "},
		"null":                       {"null", "channel"},
		"no channel":                 {`{` + window + `,"total":1,"emojis":[]}`, "channel must be 1 to 64 of A-Z a-z 0-9 . _ -"},
		"a channel with a space":     {`{"channel":"a b",` + window + `}`, "channel must be"},
		"a channel that is too long": {`{"channel":"` + strings.Repeat("x", 65) + `",` + window + `}`, "channel must be"},
		"no window":                  {`{"channel":"a","total":1,"emojis":[]}`, "no window"},
		"a window that is null":      {`{"channel":"a","window":null,"total":1,"emojis":[]}`, "window"},
		"a window that ends early":   {`{"channel":"a","window":{"start":"2026-01-02T03:04:05Z","end":"2026-01-02T03:04:03Z"}}`, "its end is not after its start"},
		"a total below zero":         {`{"channel":"a",` + window + `,"total":-1,"emojis":[]}`, "below zero"},
		"a total that is no number":  {`{"channel":"a",` + window + `,"total":"1","emojis":[]}`, "total"},
		"emojis that are no list":    {`{"channel":"a",` + window + `,"total":1,"emojis":{}}`, "emojis"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := wire.DecodeSwarm([]byte(tt.value))
			if err == nil || !strings.Contains(err.Error(), tt.why) {
				t.Fatalf("DecodeSwarm = %+v, %v; want an error about %q", s, err, tt.why)
			}
			if diff := cmp.Diff(wire.Swarm{}, s); diff != "" {
				t.Errorf("beside the error (-want +got):\n%s", diff)
			}
		})
	}
}

// A swarm that DecodeSwarm accepts has what its readers rely on. If it is encoded and
// decoded again, it is the same.
func FuzzDecodeSwarm(f *testing.F) {
	f.Add([]byte(`{"channel":"main","window":{"start":"2026-01-02T03:04:03.000Z","end":"2026-01-02T03:04:05.000Z"},"total":25,"emojis":[{"emoji_type":"🔥","emoji_count":25,"emoji_count_aggregated":2.5}]}`))
	f.Add([]byte(`{"channel":"a","window":{"start":"2026-01-02T08:34:03+05:30","end":"2026-01-02T08:34:05+05:30"},"total":0,"emojis":[],"more":1}`))
	f.Add([]byte(`{"channel":"a","window":null,"total":-1,"emojis":null}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		s, err := wire.DecodeSwarm(value)
		if err != nil {
			return
		}
		if !wire.ValidChannel(s.Channel) || s.Window.End <= s.Window.Start || s.Total < 0 {
			t.Fatalf("%s: read as %+v", value, s)
		}
		if time.UnixMilli(s.Window.Start).UTC().Year() < 0 || time.UnixMilli(s.Window.End).UTC().Year() > 9999 {
			return // RFC 3339 has no such years
		}
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		again, err := wire.DecodeSwarm(b)
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if diff := cmp.Diff(s, again); diff != "" {
			t.Errorf("%s (-want +got):\n%s", b, diff)
		}
	})
}
