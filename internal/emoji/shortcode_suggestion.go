package emoji

import (
	"slices"
	"strings"
	"sync"
)

// maxNeighbours is how many shortcodes on each side of a word, in alphabetical order,
// are compared with it.
const maxNeighbours = 32

// sortedShortcodes returns all shortcodes, without colons, in alphabetical order. The
// first call sorts them.
//
//nolint:gochecknoglobals // never changes: it is a function of a constant, computed once
var sortedShortcodes = sync.OnceValue(sortShortcodes)

func sortShortcodes() []string {
	var sorted []string
	for text := range table().byText {
		if text[0] == ':' {
			sorted = append(sorted, strings.Trim(text, ":"))
		}
	}
	slices.Sort(sorted)
	return sorted
}

// nearestShortcode returns the shortcode that somebody who wrote code most likely
// meant, and false if none is similar. Both are without colons.
//
// It first corrects capitals, hyphens and spaces. Then it compares code with its
// neighbours in the alphabet that have the same first letter, and with the neighbours
// of code with its second and third letter swapped. It compares no others, so that a
// client that sends nothing but misspelt shortcodes costs little more than one that
// sends emoji. (Package suggest compares with every candidate, and does not know
// abbreviations.)
func nearestShortcode(code string) (string, bool) {
	code = strings.Map(hyphenToUnderscore, strings.ToLower(code))
	if isShortcode(code) {
		return code, true
	}
	sorted := sortedShortcodes()
	best, least := "", 0
	sameLetter, _ := slices.BinarySearch(sorted, code[:1])
	for _, word := range [...]string{swapSecondAndThird(code), code} {
		at, _ := slices.BinarySearch(sorted, word)
		for i := max(at-maxNeighbours, sameLetter); i < min(at+maxNeighbours, len(sorted)) && sorted[i][0] == code[0]; i++ {
			if d, ok := distance(code, sorted[i]); ok && (best == "" || d < least) {
				best, least = sorted[i], d
			}
		}
	}
	return best, best != ""
}

func swapSecondAndThird(word string) string {
	if len(word) < 3 {
		return word
	}
	return word[:1] + word[2:3] + word[1:2] + word[3:]
}

// isShortcode says whether code, which has no colons, is a shortcode.
func isShortcode(code string) bool {
	_, ok := table().byText[":"+code+":"]
	return ok
}

// hyphenToUnderscore turns hyphens and spaces into underscores.
func hyphenToUnderscore(r rune) rune {
	if r == '-' || r == ' ' {
		return '_'
	}
	return r
}

// distance returns how much two words differ, and whether that is near. It removes the
// beginning and the end that both words share. The distance is the length in bytes of
// what is left of the longer word, or 1 if two neighbouring letters are swapped.
//
// Words are near if their distance is at most 2, or at most 1 if code has two or three
// letters. So one letter may be wrong, missing, doubled or swapped. A code of more than
// two letters is also near if any number of letters is missing in one place, as in
// abbreviations.
func distance(code, candidate string) (d int, near bool) {
	allowed := min(2, len(code)/2)
	if len(code) > len(candidate)+allowed {
		return 0, false
	}
	canAbbreviate := len(code) > 2
	for code != "" && candidate != "" && code[0] == candidate[0] {
		code, candidate = code[1:], candidate[1:]
	}
	for code != "" && candidate != "" && code[len(code)-1] == candidate[len(candidate)-1] {
		code, candidate = code[:len(code)-1], candidate[:len(candidate)-1]
	}
	d = max(len(code), len(candidate))
	if len(code) == 2 && len(candidate) == 2 && code[0] == candidate[1] && code[1] == candidate[0] {
		d = 1
	}
	return d, d <= allowed || code == "" && canAbbreviate
}
