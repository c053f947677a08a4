// Package emoji knows the emoji of one Unicode version: their spellings, names
// and shortcodes.
//
// A reaction is exactly one emoji, and each emoji has exactly one spelling in
// the system. Parse turns what a keyboard sends into that spelling or refuses
// it, so that all later stages can compare emoji as plain strings.
//
// An emoji is one that Unicode recommends for general interchange (RGI), in its
// fully qualified form: a single code point (🔥), a keycap (1️⃣), a flag (🇩🇪), a
// skin tone (👍🏽) or several joined into one picture (👩‍🚀). Keyboards often leave
// out U+FE0F, the selector that asks for the coloured picture; such a less qualified
// form (❤ for ❤️) is understood. Phones also send U+FE0F where it is superfluous, as
// after ⚽, and web pages have U+FE0E, the selector that asks for a picture in the style of
// text; both are dropped. So is a shortcode (:fire:) understood, as GitHub writes
// them; an emoji without a shortcode at GitHub has one made of its Unicode name.
// Skin tones and hair by themselves are parts of emoji, not emoji.
//
// The list of emoji is the file emoji.tsv, which gen writes. The first call that
// needs the list builds a map from it, which takes about a millisecond. It is not
// built at start-up, since most commands never need it. After that, a look-up is
// one access to the map and allocates nothing.
package emoji

import "iter"

//go:generate go run ./gen -test gen/emoji-test.txt -shortcodes gen/gemoji.json -out emoji.tsv

// UnicodeVersion is the version of Unicode's emoji that this package knows.
const UnicodeVersion = "17.0"

// Emoji is one emoji in its fully qualified form, such as "❤️". Only values that Parse
// and All return are certain to be emoji. Two of those are the same emoji if and only
// if they are the same string.
type Emoji string

// Parse returns the emoji that s is or names: an RGI emoji, one with selectors
// missing, superfluous or of text, or a shortcode between colons, in lower case. If s is
// an emoji, Parse allocates nothing, and its result does not keep s in memory.
//
// Parse refuses everything else. The error wraps ErrNotEmoji, says on one line what is
// wrong and what to send instead, and repeats at most 32 bytes of s, escaped.
func Parse(s string) (Emoji, error) {
	if e, ok := lookUp(s); ok {
		return e, nil
	}
	return "", refuse(s)
}

// lookUp returns what Parse does, without an error that says what is wrong.
func lookUp(s string) (Emoji, bool) {
	t := table()
	e, ok := t.byText[s]
	if !ok {
		e, ok = t.withoutSelectors(s)
	}
	if !ok {
		return "", false
	}
	return e.emoji, true
}

// Name returns the emoji's name in Unicode's data, such as "red heart". It returns ""
// if e is not an emoji.
func (e Emoji) Name() string { return e.entry().name }

// Shortcode returns the emoji's preferred shortcode without colons, such as "heart". It
// returns "" if e is not an emoji. Every emoji has one, and no two share it.
func (e Emoji) Shortcode() string { return e.entry().shortcode }

// entry returns an empty entry if e is not an emoji, also if it is a shortcode.
func (e Emoji) entry() entry {
	if found, ok := table().byText[string(e)]; ok && e[0] != ':' {
		return *found
	}
	return entry{}
}

// All yields every emoji once, in Unicode's order: smileys first, flags last.
func All() iter.Seq[Emoji] {
	return func(yield func(Emoji) bool) {
		for _, e := range table().list {
			if !yield(e.emoji) {
				return
			}
		}
	}
}
