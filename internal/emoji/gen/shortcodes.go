package main

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// shortcodes maps emoji, without selectors, to their shortcodes.
type shortcodes map[string][]string

// readShortcodes reads gemoji's db/emoji.json, an array of objects.
func readShortcodes(r io.Reader) (shortcodes, error) {
	var objects []struct {
		Emoji   string
		Aliases []string
	}
	if err := json.NewDecoder(r).Decode(&objects); err != nil {
		return nil, err
	}
	codes := shortcodes{}
	for _, o := range objects {
		if o.Emoji != "" { // GitHub has a few shortcodes of pictures that are not emoji
			codes[strings.ReplaceAll(o.Emoji, selector, "")] = o.Aliases
		}
	}
	return codes, nil
}

// assign gives each entry its shortcodes: GitHub's, or else one made of its name,
// so that every entry has one. It is an error if two entries share a shortcode or
// if codes has an emoji that is not in the list. It empties codes.
func (l *list) assign(codes shortcodes) error {
	shape := regexp.MustCompile(`^[a-z0-9_+-]+$`)
	owner := map[string]string{}
	for i := range l.entries {
		e := &l.entries[i]
		key := strings.ReplaceAll(e.sequence, selector, "")
		e.codes = codes[key]
		if len(e.codes) == 0 {
			e.codes = []string{codeOf(e.name)}
		}
		delete(codes, key)
		for _, code := range e.codes {
			if !shape.MatchString(code) {
				return fmt.Errorf("%s: %q is not a shortcode", e.sequence, code)
			}
			if other, ok := owner[code]; ok {
				return fmt.Errorf("shortcode %q stands for both %s and %s", code, other, e.sequence)
			}
			owner[code] = e.sequence
		}
	}
	for sequence := range codes {
		return fmt.Errorf("%q has shortcodes %q and is not an RGI emoji of Unicode %s", sequence, codes[sequence], l.version)
	}
	return nil
}

// codeOf makes a shortcode of a name: "waving hand: dark skin tone" becomes
// waving_hand_dark_skin_tone.
func codeOf(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return strings.ContainsRune(` :,.()’“”-`, r)
	})
	return strings.Join(words, "_")
}
