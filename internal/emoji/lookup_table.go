package emoji

import (
	_ "embed" // for emoji.tsv
	"strings"
	"sync"
	"unicode/utf8"
)

// emojiTSV is a header that ends with an empty line, and then a line for each emoji. A
// line has three columns: the emoji and its less qualified forms; its shortcodes, the
// preferred one first; its name.
//
//go:embed emoji.tsv
var emojiTSV string

// table returns the look-up table of emojiTSV. The first call builds it.
//
//nolint:gochecknoglobals // never changes: it is a function of a constant, computed once
var table = sync.OnceValue(func() *lookupTable { return newLookupTable(emojiTSV) })

// lookupTable holds what look-ups need. It does not change after it is built.
type lookupTable struct {
	list    []entry           // in Unicode's order
	byText  map[string]*entry // by every form and by every shortcode with its colons
	longest int               // length of the longest key of byText, in bytes
}

// entry is one emoji. Its strings are parts of emojiTSV.
type entry struct {
	emoji     Emoji
	shortcode string // the preferred one, without colons
	name      string
}

func newLookupTable(tsv string) *lookupTable {
	_, lines, _ := strings.Cut(tsv, "\n\n")
	count := strings.Count(lines, "\n")
	t := &lookupTable{
		list:   make([]entry, 0, count), // byText points into list, so it must not be moved
		byText: make(map[string]*entry, 3*count),
	}
	for line := range strings.Lines(lines) {
		forms, rest, _ := strings.Cut(line, "\t")
		shortcodes, name, _ := strings.Cut(rest, "\t")
		form, _, _ := strings.Cut(forms, " ")
		shortcode, _, _ := strings.Cut(shortcodes, " ")
		t.list = append(t.list, entry{Emoji(form), strings.Trim(shortcode, ":"), strings.TrimSuffix(name, "\n")})
		e := &t.list[len(t.list)-1]
		t.add(forms, e)
		t.add(shortcodes, e)
	}
	return t
}

// add adds e to byText under each of the keys, which are separated by spaces.
func (t *lookupTable) add(keys string, e *entry) {
	for key := range strings.SplitSeq(keys, " ") {
		t.byText[key] = e
		t.longest = max(t.longest, len(key))
	}
}

// isSelector says whether r asks for the coloured picture of the character before it, as
// U+FE0F does, or for one in the style of text, as U+FE0E does. Unicode allows both after
// the same characters.
func isSelector(r rune) bool { return r == 0xFE0F || r == 0xFE0E }

// maxSelected is how many bytes an emoji may have with superfluous selectors. The longest
// emoji has 35 without any.
const maxSelected = 128

// withoutSelectors looks s up without its selectors. Every emoji has such a form, and no
// two share one (gen makes sure). It returns false if s has none.
func (t *lookupTable) withoutSelectors(s string) (*entry, bool) {
	if len(s) > maxSelected || !utf8.ValidString(s) {
		return nil, false
	}
	bare := make([]byte, 0, maxSelected)
	for _, r := range s {
		if !isSelector(r) {
			bare = utf8.AppendRune(bare, r)
		}
	}
	if len(bare) == len(s) {
		return nil, false
	}
	e, ok := t.byText[string(bare)]
	return e, ok
}
