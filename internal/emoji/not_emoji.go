package emoji

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/emostream/emostream/internal/text/quote"
)

// ErrNotEmoji is wrapped by every error of Parse.
var ErrNotEmoji = errors.New("not an emoji")

const (
	generalAdvice = `send one emoji such as "🔥", or a shortcode such as ":fire:"`
	maxEcho       = 32 // greatest number of bytes of the input in an error
)

// refuse returns an error that says why s is not an emoji. It takes some microseconds,
// where a look-up takes nanoseconds. A long s costs little more than a short one: few
// steps read all of it, and none reads it repeatedly.
func refuse(s string) error {
	reason, advice := diagnose(s)
	return fmt.Errorf("%w: %s; %s", ErrNotEmoji, reason, advice)
}

// diagnose returns what is wrong with s, which is not an emoji, and what to send
// instead. If several reasons apply, it returns the most helpful one.
func diagnose(s string) (reason, advice string) {
	if s == "" {
		return "it is empty", generalAdvice
	}
	quoted := quote.Text(s, maxEcho)
	if !utf8.ValidString(s) {
		return quoted + " is not valid UTF-8", generalAdvice
	}
	switch trimmed := strings.TrimSpace(s); {
	case trimmed == "":
		return quoted + " is only white space", generalAdvice
	case trimmed != s:
		return quoted + " begins or ends with white space", "send the emoji alone"
	}
	if r, ok := invisibleIn(s); ok {
		return fmt.Sprintf("%s has U+%04X, which is invisible and not a part of the emoji", quoted, r), "leave it out"
	}
	if reason := diagnoseTail(s); reason != "" {
		return quoted + reason, "send one emoji at a time"
	}
	if longest := table().longest; len(s) > longest {
		return fmt.Sprintf("%s is too long: %d bytes, and no emoji or shortcode has more than %d", quoted, len(s), longest), generalAdvice
	}
	if len(s) > 2 && s[0] == ':' && s[len(s)-1] == ':' {
		if code, ok := nearestShortcode(s[1 : len(s)-1]); ok {
			return quoted + " is an unknown shortcode", didYouMean(":" + code + ":")
		}
		return quoted + " is an unknown shortcode", "GitHub's are known, such as \":fire:\""
	}
	if code := strings.Trim(s, ":"); isShortcode(code) {
		return quoted + " is text, and a shortcode stands between two colons", didYouMean(":" + code + ":")
	}
	return quoted + diagnoseRunes(s), generalAdvice
}

// diagnoseTail returns what is wrong with s if s is an emoji or a shortcode with
// something after it, else "". It also returns "" if what follows modifies the emoji,
// such as a skin tone: then s is one emoji, but not an RGI one.
func diagnoseTail(s string) string {
	head := emojiPrefix(s)
	if head == 0 || head == len(s) {
		return ""
	}
	tail := strings.TrimSpace(strings.TrimLeftFunc(s[head:], isSelector))
	first, _ := utf8.DecodeRuneInString(tail)
	switch {
	case emojiPrefix(tail) > 0:
		return " is more than one emoji"
	case isTone(first) || isHair(first) || unicode.In(first, unicode.Cf, unicode.M):
		return ""
	}
	return " is an emoji with something after it"
}

// diagnoseRunes returns what kind of characters s consists of.
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
	return fmt.Sprintf(" is not one of the %d emoji of Unicode %s", len(table().list), UnicodeVersion)
}

// emojiPrefix returns the length in bytes of the longest emoji or shortcode at the
// beginning of s, or 0 if there is none.
func emojiPrefix(s string) int {
	t := table()
	if strings.HasPrefix(s, ":") {
		end := strings.IndexByte(s[1:], ':') + 2
		if _, ok := t.byText[s[:end]]; ok {
			return end
		}
		return 0
	}
	for end := min(len(s), t.longest); end > 0; end-- {
		if _, ok := t.byText[s[:end]]; ok {
			return end
		}
	}
	return 0
}

// invisibleIn returns an invisible character of s if s is an emoji without such
// characters, else false. Selectors are none of them.
func invisibleIn(s string) (found rune, ok bool) {
	if len(s) > 2*table().longest {
		return 0, false
	}
	bare := strings.Map(func(r rune) rune {
		switch {
		case r == zeroWidthJoiner, r >= firstTag && r <= lastTag:
			return r // parts of emoji
		case !quote.Invisible(r):
			return r
		}
		if !isSelector(r) {
			found = r
		}
		return -1
	}, s)
	_, ok = table().byText[bare]
	return found, ok && found != 0
}

const (
	zeroWidthJoiner   = 0x200D
	firstTag, lastTag = 0xE0020, 0xE007F // the letters of a flag such as Scotland's
)

func isTone(r rune) bool     { return r >= 0x1F3FB && r <= 0x1F3FF }
func isHair(r rune) bool     { return r >= 0x1F9B0 && r <= 0x1F9B3 }
func isRegional(r rune) bool { return r >= 0x1F1E6 && r <= 0x1F1FF }

func didYouMean(s string) string { return "did you mean " + strconv.Quote(s) + "?" }
