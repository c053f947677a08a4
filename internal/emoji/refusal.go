package emoji

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrNotEmoji is wrapped by every refusal.
var ErrNotEmoji = errors.New("not an emoji")

const (
	advice = `send one emoji such as "🔥", or a shortcode such as ":fire:"`
	echoed = 32 // bytes of the input that an error repeats, at most
)

// refuse says why s is no emoji. It costs some microseconds, not a lookup's
// nanoseconds, and its cost does not grow with s except for one pass over it.
func refuse(s string) error {
	why, instead := diagnose(s)
	return fmt.Errorf("%w: %s; %s", ErrNotEmoji, why, instead)
}

// diagnose returns what is wrong with s and what to do instead. The order of
// the cases is that of usefulness: the first that fits is the one to tell.
func diagnose(s string) (why, instead string) {
	if s == "" {
		return "it is empty", advice
	}
	quoted := excerpt(s)
	if !utf8.ValidString(s) {
		return quoted + " is not valid UTF-8", advice
	}
	switch trimmed := strings.TrimSpace(s); {
	case trimmed == "":
		return quoted + " is only white space", advice
	case trimmed != s:
		return quoted + " begins or ends with white space", "send the emoji alone"
	}
	if e, ok := find(withoutSelectors(s)); ok {
		return quoted + " has a variation selector that does not belong there", meant(string(e))
	}
	if why := diagnoseTail(s); why != "" {
		return quoted + why, "send one emoji at a time"
	}
	if len(s) > longest {
		return fmt.Sprintf("%s is too long: %d bytes, and no emoji or shortcode has more than %d", quoted, len(s), longest), advice
	}
	if len(s) > 2 && s[0] == ':' && s[len(s)-1] == ':' {
		if code, ok := nearest(s[1 : len(s)-1]); ok {
			return quoted + " is an unknown shortcode", meant(":" + code + ":")
		}
		return quoted + " is an unknown shortcode", "GitHub's are known, such as \":fire:\""
	}
	if code := strings.Trim(s, ":"); isCode(code) {
		return quoted + " is text, and a shortcode stands between two colons", meant(":" + code + ":")
	}
	return quoted + diagnoseRunes(s), advice
}

// diagnoseTail says what is wrong with s if it begins with an emoji and goes on.
// Parts that change the emoji before them make it another one, which is no RGI
// emoji, rather than two.
func diagnoseTail(s string) string {
	head := emojiPrefix(s)
	if head == 0 || head == len(s) {
		return ""
	}
	tail := strings.TrimSpace(s[head:])
	first, _ := utf8.DecodeRuneInString(tail)
	switch {
	case emojiPrefix(tail) > 0:
		return " is more than one emoji"
	case isTone(first) || isHair(first) || unicode.In(first, unicode.Cf, unicode.M):
		return ""
	}
	return " is an emoji with something after it"
}

// diagnoseRunes says what kind of thing s is, which no better rule explained.
func diagnoseRunes(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	single := size == len(s)
	switch {
	case isRegional(first) && single:
		return ` is one regional indicator, and a flag is two, such as "🇩🇪"`
	case isTone(first) && single:
		return " is a skin tone, which is a part of an emoji and not one by itself"
	case isHair(first) && single:
		return " is hair, which is a part of an emoji and not one by itself"
	case first < utf8.RuneSelf || unicode.IsLetter(first) || unicode.IsNumber(first):
		return " is text"
	}
	return fmt.Sprintf(" is not one of the %d emoji of Unicode %s", count, UnicodeVersion)
}

// emojiPrefix is the length of the longest emoji or shortcode that s begins with.
func emojiPrefix(s string) int {
	if strings.HasPrefix(s, ":") {
		end := strings.IndexByte(s[1:], ':') + 2
		if _, ok := find(s[:end]); ok {
			return end
		}
		return 0
	}
	for end := min(len(s), longest); end > 0; end-- {
		if _, ok := find(s[:end]); ok {
			return end
		}
	}
	return 0
}

// withoutSelectors is s without the selectors that ask for text or for a picture.
// Nothing longer than an emoji with one after each code point is worth the work.
func withoutSelectors(s string) string {
	if len(s) > 2*longest {
		return ""
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\uFE0E", ""), "\uFE0F", "")
}

func isTone(r rune) bool     { return r >= 0x1F3FB && r <= 0x1F3FF }
func isHair(r rune) bool     { return r >= 0x1F9B0 && r <= 0x1F9B3 }
func isRegional(r rune) bool { return r >= 0x1F1E6 && r <= 0x1F1FF }

func meant(s string) string { return "did you mean " + strconv.Quote(s) + "?" }

// excerpt is the beginning of s, quoted so that it cannot harm a terminal or a
// log. A mark is left out where s goes on.
func excerpt(s string) string {
	if len(s) <= echoed {
		return strconv.Quote(s)
	}
	end := echoed
	for end > echoed-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return strconv.Quote(s[:end]) + "…"
}
