package emoji

import "strings"

// tried is how many shortcodes before and after a word it is compared with.
const tried = 32

// nearest returns the shortcode that someone who wrote code most likely meant. Tried
// are those with the same first letter that stand next to it in the alphabet, and
// before them those next to what it is with its second and third letter swapped. That
// bounds the work: a client that sends nothing but misspelt shortcodes must not cost
// more than one that sends emojis.
func nearest(code string) (string, bool) {
	code = strings.Map(underscored, strings.ToLower(code))
	if isCode(code) {
		return code, true
	}
	best, least := "", 0
	first := searchCodes(code[:1])
	for _, word := range [...]string{swapped(code), code} {
		at := searchCodes(word)
		for i := max(at-tried, first); i < min(at+tried, len(codes)) && table[codes[i]] == code[0]; i++ {
			candidate := codeAt(i)
			if d, ok := distance(code, candidate); ok && (best == "" || d < least) {
				best, least = candidate, d
			}
		}
	}
	return best, best != ""
}

// swapped is a word with its second and third letter in each other's place.
func swapped(word string) string {
	if len(word) < 3 {
		return word
	}
	return word[:1] + word[2:3] + word[1:2] + word[3:]
}

func isCode(code string) bool {
	_, ok := findCode(code)
	return ok
}

func underscored(r rune) rune {
	if r == '-' || r == ' ' {
		return '_'
	}
	return r
}

// distance is how much two words differ: the length of what is left when the
// beginning and the end that they share are taken off, and 1 for two letters
// that changed places. Near enough is 2 (1 in a short word), so one wrong,
// missing, doubled or swapped letter; and any number of letters that an
// abbreviation leaves out in one place.
func distance(code, candidate string) (d int, near bool) {
	allowed := min(2, len(code)/2)
	if len(code) > len(candidate)+allowed {
		return 0, false
	}
	abbreviates := len(code) > 2
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
	return d, d <= allowed || code == "" && abbreviates
}
