// Package emoji knows the emoji of one Unicode version, and nothing else.
//
// The rule it keeps is that a reaction is exactly one emoji, and that one emoji
// has exactly one spelling. Whatever a keyboard sends is turned into that
// spelling or refused by name at the door, so that all who count, merge, sort
// or draw behind it can compare plain strings.
//
// An emoji is one that Unicode recommends for general interchange (RGI), in its
// fully qualified form: a single code point (🔥), a keycap (1️⃣), a flag (🇩🇪), a
// skin tone (👍🏽) or several joined into one picture (👩‍🚀). Keyboards often leave
// out the selector that asks for the coloured picture; such a form (❤ for ❤️)
// is understood. So is a shortcode (:fire:), as GitHub writes them; an emoji to
// which GitHub gives none has one made of its Unicode name. Skin tones and hair
// by themselves are parts of emoji, not emoji.
//
// The table is generated from Unicode's emoji-test.txt (see gen) and laid out
// as constant text with two arrays of offsets into it. Nothing is built at
// start-up, nothing is locked, and looking up what is in it allocates nothing:
// ingest does it for every reaction.
package emoji

import (
	"iter"
	"strings"
)

//go:generate go run ./gen -test gen/emoji-test.txt -shortcodes gen/gemoji.json -out table.go

// Emoji is one emoji in its fully qualified form, such as "❤️". Only what
// Parse, ParseBytes and All return is sure to be one. Two of those are the same
// emoji if and only if they are the same string.
type Emoji string

// Parse returns the emoji that s is or names: an RGI emoji, a less qualified
// form of one, or a shortcode between colons, in lower case. It allocates
// nothing, and what it returns does not keep s alive.
//
// All else is refused. The error wraps ErrNotEmoji, says on one line what is
// wrong and what to send instead, and repeats at most 32 bytes of s, escaped.
func Parse(s string) (Emoji, error) {
	if e, ok := find(s); ok {
		return e, nil
	}
	return "", refuse(s)
}

// ParseBytes is Parse for a piece of a buffer. What it returns does not refer
// to b, so the buffer can be used again.
func ParseBytes(b []byte) (Emoji, error) {
	if e, ok := find(b); ok {
		return e, nil
	}
	return "", refuse(string(b))
}

// Name is the emoji's name in Unicode's data, such as "red heart", and empty
// for what is not an emoji.
func (e Emoji) Name() string {
	at, ok := findSequence(e)
	if !ok {
		return ""
	}
	_, _, name := fields(at)
	return name
}

// Shortcode is the emoji's preferred shortcode without colons, such as "heart",
// and empty for what is not an emoji. Every emoji has one, and no two share it.
func (e Emoji) Shortcode() string {
	at, ok := findSequence(e)
	if !ok {
		return ""
	}
	_, codes, _ := fields(at)
	preferred, _, _ := strings.Cut(codes, " ")
	return preferred
}

// All yields every emoji once, in Unicode's order: smileys first, flags last.
func All() iter.Seq[Emoji] {
	return func(yield func(Emoji) bool) {
		for line := range strings.Lines(table[1:]) {
			sequence, _, _ := strings.Cut(line, "\t")
			if !yield(Emoji(sequence)) {
				return
			}
		}
	}
}
