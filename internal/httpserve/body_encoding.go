package httpserve

import (
	"net/http"
	"unicode/utf8"
)

// RefuseUTF16 refuses a JSON text that is encoded as UTF-16 or UTF-32, with a byte order
// mark or without. It returns nil for any other text. The refusal calls it by the part
// of a request that it is, such as body.
func RefuseUTF16(part string, text []byte) *Refusal {
	if name := utf16Or32(text); name != "" {
		return notUTF8(part, name)
	}
	return nil
}

// RefuseOtherThanUTF8 refuses a JSON text that is not UTF-8. It returns nil if it is.
func RefuseOtherThanUTF8(part string, text []byte) *Refusal {
	if refusal := RefuseUTF16(part, text); refusal != nil {
		return refusal
	}
	if !utf8.Valid(text) {
		return notUTF8(part, "not valid UTF-8")
	}
	return nil
}

func notUTF8(part, what string) *Refusal {
	return Refusalf(http.StatusBadRequest, "invalid_utf8", "the %s is %s: encode the JSON text as UTF-8", part, what)
}

// utf16Or32 returns the name of a text's encoding if it is UTF-16 or UTF-32, else "". A
// text without a byte order mark is recognized by the zero bytes around its first
// character, which is ASCII in every JSON text. In UTF-8 JSON has no zero bytes.
func utf16Or32(text []byte) string {
	for _, start := range []struct{ encoding, bytes string }{
		{"UTF-32", "\xFF\xFE\x00\x00"},
		{"UTF-32", "\x00\x00\xFE\xFF"},
		{"UTF-32", "?\x00\x00\x00"},
		{"UTF-32", "\x00\x00\x00?"},
		{"UTF-16", "\xFF\xFE"},
		{"UTF-16", "\xFE\xFF"},
		{"UTF-16", "?\x00"},
		{"UTF-16", "\x00?"},
	} {
		if beginsWith(text, start.bytes) {
			return start.encoding
		}
	}
	return ""
}

// beginsWith says whether a text begins as in a pattern, where a question mark stands for
// any byte but zero.
func beginsWith(text []byte, pattern string) bool {
	if len(text) < len(pattern) {
		return false
	}
	for i := range len(pattern) {
		if text[i] != pattern[i] && (pattern[i] != '?' || text[i] == 0) {
			return false
		}
	}
	return true
}
