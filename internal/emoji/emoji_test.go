package emoji_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/emoji"
)

// The numbers at the end of emoji-test.txt 17.0. (Unicode's count of 3,953 emoji
// includes the nine components, which Parse refuses.)
const (
	fullyQualified = 3944
	lessQualified  = 1029 + 243
)

const selector = "\uFE0F"

func TestEveryEmojiParsesToItself(t *testing.T) {
	seen := map[emoji.Emoji]bool{}
	for e := range emoji.All() {
		if got, err := emoji.Parse(string(e)); got != e || err != nil {
			t.Errorf("Parse(%+q) = %+q, %v", e, got, err)
		}
		seen[e] = true
	}
	if len(seen) != fullyQualified {
		t.Errorf("All yields %d different emoji, want %d", len(seen), fullyQualified)
	}
	if n := len(slices.Collect(emoji.All())); n != len(seen) {
		t.Errorf("All yields %d emoji, and %d of them are different", n, len(seen))
	}
}

func TestEveryLessQualifiedFormIsNormalised(t *testing.T) {
	forms := map[string]bool{}
	for e := range emoji.All() {
		for _, form := range withoutSomeSelectors(string(e)) {
			if got, err := emoji.Parse(form); got != e || err != nil {
				t.Errorf("Parse(%+q) = %+q, %v; want %+q", form, got, err, e)
			}
			forms[form] = true
		}
	}
	if len(forms) != lessQualified {
		t.Errorf("%d less qualified forms, want %d", len(forms), lessQualified)
	}
}

func withoutSomeSelectors(s string) []string {
	before, after, found := strings.Cut(s, selector)
	if !found {
		return nil
	}
	var forms []string
	for _, rest := range append(withoutSomeSelectors(after), after) {
		forms = append(forms, before+rest, before+selector+rest)
	}
	return forms[:len(forms)-1] // the last form is s itself
}

// Phones send U+FE0F after emoji that are in colour without it, and web pages have U+FE0E,
// which asks for the style of text. Unicode standardizes such sequences, and others are
// sent, too.
func TestSuperfluousSelectorsAreDropped(t *testing.T) {
	const text = "\uFE0E"
	for e := range emoji.All() {
		inTextStyle := strings.ReplaceAll(string(e), selector, text)
		forms := []string{inTextStyle, inTextStyle + text, string(e) + selector + text}
		for _, superfluous := range []string{selector, text} {
			var everywhere strings.Builder
			for _, r := range string(e) {
				everywhere.WriteString(string(r) + superfluous)
			}
			forms = append(forms, string(e)+superfluous, everywhere.String(), string(e)+superfluous+superfluous)
		}
		for _, s := range forms {
			if got, err := emoji.Parse(s); got != e || err != nil || emoji.Canonical(s) != string(e) {
				t.Errorf("Parse(%+q) = %+q, %v; want %+q", s, got, err, e)
			}
		}
	}
}

func TestEveryEmojiHasItsOwnShortcodeAndName(t *testing.T) {
	codes, names := map[string]emoji.Emoji{}, map[string]emoji.Emoji{}
	for e := range emoji.All() {
		code, name := e.Shortcode(), e.Name()
		if got, err := emoji.Parse(":" + code + ":"); got != e || err != nil {
			t.Errorf("Parse(:%s:) = %+q, %v; want %+q", code, got, err, e)
		}
		if other := codes[code]; code == "" || other != "" {
			t.Errorf("shortcode %q belongs to %+q and %+q", code, other, e)
		}
		if other := names[name]; name == "" || other != "" {
			t.Errorf("name %q belongs to %+q and %+q", name, other, e)
		}
		codes[code], names[name] = e, e
	}
}

func TestParse(t *testing.T) {
	for what, c := range map[string]struct{ in, want, name, code string }{
		"one code point":               {"🔥", "🔥", "fire", "fire"},
		"selector there":               {"❤️", "❤️", "red heart", "heart"},
		"selector missing":             {"❤", "❤️", "red heart", "heart"},
		"keycap":                       {"1️⃣", "1️⃣", "keycap: 1", "one"},
		"keycap, selector missing":     {"1⃣", "1️⃣", "keycap: 1", "one"},
		"flag":                         {"🇩🇪", "🇩🇪", "flag: Germany", "de"},
		"flag made of tags":            {"🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "flag: Scotland", "scotland"},
		"skin tone":                    {"👍🏽", "👍🏽", "thumbs up: medium skin tone", "thumbs_up_medium_skin_tone"},
		"joined":                       {"👩‍🚀", "👩‍🚀", "woman astronaut", "woman_astronaut"},
		"joined, one selector missing": {"🏳‍🌈", "🏳️‍🌈", "rainbow flag", "rainbow_flag"},
		"new in 17.0":                  {"\U0001FAEA", "\U0001FAEA", "distorted face", "distorted_face"},
		"preferred shortcode":          {":+1:", "👍", "thumbs up", "+1"},
		"other shortcode":              {":thumbsup:", "👍", "thumbs up", "+1"},
		"shortcode made of the name":   {":thumbs_up_dark_skin_tone:", "👍🏿", "thumbs up: dark skin tone", "thumbs_up_dark_skin_tone"},
		"first shortcode":              {":+1:", "👍", "thumbs up", "+1"},
		"last shortcode":               {":zzz:", "💤", "ZZZ", "zzz"},
	} {
		t.Run(what, func(t *testing.T) {
			got, err := emoji.Parse(c.in)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{c.want, c.name, c.code}
			if diff := cmp.Diff(want, []string{string(got), got.Name(), got.Shortcode()}); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	const (
		send   = `; send one emoji such as "🔥", or a shortcode such as ":fire:"`
		single = `; send one emoji at a time`
		alone  = `; send the emoji alone`
		known  = `; GitHub's are known, such as ":fire:"`
		none   = ` is not one of the 3944 emoji of Unicode 17.0`

		invisible = `, which is invisible and not a part of the emoji; leave it out`
	)
	for what, c := range map[string]struct{ in, want string }{
		"empty":                     {"", `it is empty` + send},
		"not UTF-8":                 {"\xf0\x9f\x94", `"\xf0\x9f\x94" is not valid UTF-8` + send},
		"space before":              {" 🔥", `" 🔥" begins or ends with white space` + alone},
		"line feed after":           {"🔥\n", `"🔥\n" begins or ends with white space` + alone},
		"space alone":               {" \t ", `" \t " is only white space` + send},
		"two":                       {"🔥🔥", `"🔥🔥" is more than one emoji` + single},
		"two different":             {"❤👍🏽", `"❤👍🏽" is more than one emoji` + single},
		"two with a space between":  {"🔥 🔥", `"🔥 🔥" is more than one emoji` + single},
		"two flags":                 {"🇩🇪🇫🇷", `"🇩🇪🇫🇷" is more than one emoji` + single},
		"two shortcodes":            {":fire::joy:", `":fire::joy:" is more than one emoji` + single},
		"a hundred":                 {strings.Repeat("🔥", 100), `"🔥🔥🔥🔥🔥🔥🔥🔥"… is more than one emoji` + single},
		"emoji, then text":          {"🔥!", `"🔥!" is an emoji with something after it` + single},
		"letter":                    {"A", `"A" is text` + send},
		"digit":                     {"1", `"1" is text` + send},
		"letter of another script":  {"я", `"я" is text` + send},
		"text, then emoji":          {"so 🔥", `"so 🔥" is text` + send},
		"control character":         {"\x1b[31m", `"\x1b[31m" is text` + send},
		"longest text":              {strings.Repeat("a", 78), `"` + strings.Repeat("a", 32) + `"… is text` + send},
		"text too long":             {strings.Repeat("a", 79), `"` + strings.Repeat("a", 32) + `"… is too long: 79 bytes, and no emoji or shortcode has more than 78` + send},
		"cut between letters":       {"a" + strings.Repeat("я", 20), `"aяяяяяяяяяяяяяяя"… is text` + send},
		"shortcode without colons":  {"fire", `"fire" is text, and a shortcode stands between two colons; did you mean ":fire:"?`},
		"shortcode with one colon":  {":fire", `":fire" is text, and a shortcode stands between two colons; did you mean ":fire:"?`},
		"colons alone":              {"::", `"::" is text` + send},
		"shortcode, letters swap":   {":frie:", `":frie:" is an unknown shortcode; did you mean ":fire:"?`},
		"shortcode, letter missing": {":rainbw:", `":rainbw:" is an unknown shortcode; did you mean ":rainbow:"?`},
		"shortcode in capitals":     {":Fire:", `":Fire:" is an unknown shortcode; did you mean ":fire:"?`},
		"shortcode with hyphen":     {":thumbs-up:", `":thumbs-up:" is an unknown shortcode; did you mean ":thumbsup:"?`},
		"shortcode abbreviated":     {":thumb:", `":thumb:" is an unknown shortcode; did you mean ":thumbsup:"?`},
		"shortcode like no other":   {":qwertyuiop:", `":qwertyuiop:" is an unknown shortcode` + known},
		"two shortcodes in one":     {":+1 thumbsup:", `":+1 thumbsup:" is an unknown shortcode` + known},
		"half a flag":               {"🇩", `"🇩" is one regional indicator, and a flag is two, such as "🇩🇪"` + send},
		"flag of nowhere":           {"🇽🇽", `"🇽🇽"` + none + send},
		"skin tone":                 {"🏽", `"🏽" is a skin tone, which is a part of an emoji and not one by itself` + send},
		"hair":                      {"🦰", `"🦰" is hair, which is a part of an emoji and not one by itself` + send},
		"tone on what takes none":   {"🔥🏽", `"🔥🏽"` + none + send},
		"family nobody draws":       {"👶‍👶", `"👶U+200D👶"` + none + send},
		"symbol":                    {"☆", `"☆"` + none + send},
		"text selector alone":       {"\uFE0E", `"U+FE0E"` + none + send},
		"text selector on a digit":  {"1\uFE0E", `"1U+FE0E" is text` + send},
		"two in the style of text":  {"❤\uFE0E⚽\uFE0E", `"❤U+FE0E⚽U+FE0E" is more than one emoji` + single},
		"text selector, and more":   {"❤\uFE0E\u200B", `"❤U+FE0EU+200B" has U+200B` + invisible},
		"piece of a selector":       {"❤‍🔥\xEF\xB8", `"❤U+200D🔥\xef\xb8" is not valid UTF-8` + send},
		"selector in a code point":  {"\xE2\x9D\uFE0F\xA4", `"\xe2\x9dU+FE0F\xa4" is not valid UTF-8` + send},
		"selector alone":            {"\uFE0F", `"U+FE0F"` + none + send},
		"selector after a digit":    {"1\uFE0F", `"1U+FE0F" is text` + send},
		"selectors, then another":   {"⚽\uFE0F🔥\uFE0F", `"⚽U+FE0F🔥U+FE0F" is more than one emoji` + single},
		"selectors without end":     {"⚽" + strings.Repeat("\uFE0F", 45), `"⚽` + strings.Repeat("U+FE0F", 9) + `"… is an emoji with something after it` + single},
		"space of no width":         {"🔥\u200B", `"🔥U+200B" has U+200B` + invisible},
		"byte order mark":           {"\uFEFF❤", `"U+FEFF❤" has U+FEFF` + invisible},
		"direction of writing":      {"👩‍🚀\u200F", `"👩U+200D🚀U+200F" has U+200F` + invisible},
		"joiner at the end":         {"🔥\u200D", `"🔥U+200D"` + none + send},
		"space that does not break": {"🔥\u00A0", `"🔥U+00A0" begins or ends with white space` + alone},
	} {
		t.Run(what, func(t *testing.T) {
			e, err := emoji.Parse(c.in)
			if e != "" || !errors.Is(err, emoji.ErrNotEmoji) {
				t.Fatalf("Parse(%+q) = %+q, %v", c.in, e, err)
			}
			if diff := cmp.Diff("not an emoji: "+c.want, err.Error()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if c := emoji.Emoji(c.in); c.Name() != "" || c.Shortcode() != "" {
				t.Errorf("it has the name %q and the shortcode %q", c.Name(), c.Shortcode())
			}
		})
	}
}

func TestEveryComponentIsRefused(t *testing.T) {
	for _, c := range "🏻🏼🏽🏾🏿🦰🦱🦲🦳" {
		if e, err := emoji.Parse(string(c)); err == nil {
			t.Errorf("Parse(%+q) = %+q", c, e)
		}
	}
}

func TestFileIsOfUnicodeVersion(t *testing.T) {
	tsv, err := os.ReadFile("emoji.tsv")
	if err != nil {
		t.Fatal(err)
	}
	if header, _, _ := strings.Cut(string(tsv), "\n\n"); !strings.Contains(header, "Unicode "+emoji.UnicodeVersion+",") {
		t.Errorf("no version %s in the header of emoji.tsv:\n%s", emoji.UnicodeVersion, header)
	}
}

func TestAllCanBeLeft(t *testing.T) {
	for e := range emoji.All() {
		if e != "😀" {
			t.Errorf("the first emoji is %q", e)
		}
		break
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	for _, in := range inputs {
		if n := testing.AllocsPerRun(100, func() {
			e, err := emoji.Parse(in)
			if err != nil {
				t.Error(e, err)
			}
			if e.Name() == "" || e.Shortcode() == "" {
				t.Error(e)
			}
		}); n != 0 {
			t.Errorf("%q: %v allocations", in, n)
		}
	}
}

func TestFailedLookupDoesNotAllocate(t *testing.T) {
	for _, in := range append(notEmoji, ":fire:") {
		if n := testing.AllocsPerRun(100, func() {
			if e := emoji.Emoji(in); e.Name() != "" || e.Shortcode() != "" {
				t.Error(e.Name(), e.Shortcode())
			}
		}); n != 0 {
			t.Errorf("%q: %v allocations", in, n)
		}
	}
}

var (
	// inputs are valid and of all kinds; the longest emoji and shortcode are among
	// them.
	inputs = []string{
		"🔥", "❤", "🇩🇪", "👩🏿‍❤️‍💋‍👨🏿", "⚽\uFE0F", ":fire:",
		":couple_with_heart_woman_woman_medium_light_skin_tone_medium_dark_skin_tone:",
	}
	notEmoji = []string{"A", "🔥🔥", "👩🏿‍❤️‍💋‍👨🏿🏿", ":fyre:"}
)

func BenchmarkParse(b *testing.B) {
	for _, in := range inputs {
		b.Run(in, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = emoji.Parse(in)
			}
		})
	}
	b.Run("all", func(b *testing.B) {
		all := slices.Collect(emoji.All())
		for i := 0; b.Loop(); i++ {
			_, _ = emoji.Parse(string(all[i*7%len(all)]))
		}
	})
}

func BenchmarkShortcode(b *testing.B) {
	for _, in := range append(inputs[:4:4], notEmoji...) {
		b.Run(in, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = emoji.Emoji(in).Shortcode()
			}
		})
	}
}

// BenchmarkBuild measures what the first look-up and the first suggestion cost in
// addition.
func BenchmarkBuild(b *testing.B) {
	b.Run("look-up table", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			emoji.BuildLookupTable()
		}
	})
	b.Run("sorted shortcodes", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			emoji.SortShortcodes()
		}
	})
}

func BenchmarkRefuse(b *testing.B) {
	for _, in := range []string{"A", "🔥🔥", ":mann_dark_skin_tone:", strings.Repeat("x", 10_000)} {
		b.Run(in[:min(len(in), 20)], func(b *testing.B) {
			for b.Loop() {
				_, _ = emoji.Parse(in)
			}
		})
	}
}
