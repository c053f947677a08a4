package emoji

import (
	"strings"

	"github.com/emostream/emostream/internal/emoji/fold"
)

// text is input as it comes, so that bytes need not become a string first.
type text interface{ ~string | ~[]byte }

// find looks s up, as a shortcode if it stands between colons.
func find[T text](s T) (Emoji, bool) {
	if len(s) == 0 || len(s) > longest {
		return "", false
	}
	at, ok := 0, false
	switch last := len(s) - 1; {
	case s[0] != ':':
		at, ok = findSequence(s)
	case last > 1 && s[last] == ':':
		at, ok = findCode(s[1:last])
	}
	if !ok {
		return "", false
	}
	sequence, _, _ := strings.Cut(table[at:], "\t")
	return Emoji(sequence), true
}

// findSequence returns the offset of the line in the table whose emoji s is, in
// any of its forms. Slots are probed one after the other; about half are empty,
// which ends the search.
func findSequence[T text](s T) (at int, ok bool) {
	const last = uint32(len(sequences) - 1)
	for slot := fold.Hash(s) & last; sequences[slot] != 0; slot = (slot + 1) & last {
		if at := int(sequences[slot]); isForm(s, at) {
			return at, true
		}
	}
	return 0, false
}

// isForm reports whether s is the emoji at the offset, selectors missing or not.
func isForm[T text](s T, at int) bool {
	i := 0
	for table[at] != '\t' {
		switch {
		case i < len(s) && s[i] == table[at]:
			i, at = i+1, at+1
		case strings.HasPrefix(table[at:], fold.Selector):
			at += len(fold.Selector)
		default:
			return false
		}
	}
	return i == len(s)
}

// findCode returns the offset of the line in the table that has the shortcode.
func findCode[T text](code T) (at int, ok bool) {
	i := searchCodes(code)
	if i == len(codes) || codeAt(i) != string(code) {
		return 0, false
	}
	return strings.LastIndexByte(table[:codes[i]], '\n') + 1, true
}

// searchCodes returns the index of the first shortcode that is not before code.
// Words need not be cut out of the table to compare them: the bytes after them,
// space and tab, are before all those in them.
func searchCodes[T text](code T) int {
	low, high := 0, len(codes)
	for low < high {
		middle := int(uint(low+high) / 2)
		at := int(codes[middle])
		if table[at:min(at+len(code), len(table))] < string(code) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// codeAt is the i-th shortcode in alphabetical order.
func codeAt(i int) string {
	words, _, _ := strings.Cut(table[codes[i]:], "\t")
	word, _, _ := strings.Cut(words, " ")
	return word
}

// fields splits the line at the offset. Shortcodes are separated by spaces.
func fields(at int) (sequence, codes, name string) {
	line, _, _ := strings.Cut(table[at:], "\n")
	sequence, line, _ = strings.Cut(line, "\t")
	codes, name, _ = strings.Cut(line, "\t")
	return sequence, codes, name
}
