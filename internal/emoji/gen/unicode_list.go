package main

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// selector is U+FE0F, which asks for a character's coloured picture. A less qualified
// form of an emoji lacks some of its selectors.
const selector = "\uFE0F"

// A list is the content of emoji-test.txt, in its order, and the shortcodes.
type list struct {
	version string
	entries []entry
}

// An entry is one RGI emoji.
type entry struct {
	sequence string   // of code points, fully qualified
	name     string   // in Unicode's data
	codes    []string // shortcodes without colons, the preferred one first; see assign
}

// readList reads emoji-test.txt. A line of data is
//
//	2764 FE0F ; fully-qualified # ❤️ E0.6 red heart
//
// The comments state the version and, at the end, how often each status occurs. A file
// whose lines disagree with these numbers is an error.
func readList(r io.Reader) (list, error) {
	var l list
	found, stated := map[string]int{}, map[string]int{}
	forms := map[string]bool{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if comment, ok := strings.CutPrefix(line, "#"); ok || line == "" {
			l.readComment(comment, stated)
			continue
		}
		status, e, err := readEntry(line)
		if err != nil {
			return list{}, fmt.Errorf("line %d: %w", n, err)
		}
		found[status]++
		switch status {
		case "fully-qualified":
			l.entries = append(l.entries, e)
		case "minimally-qualified", "unqualified":
			forms[e.sequence] = true
		}
	}
	if err := lines.Err(); err != nil {
		return list{}, err
	}
	if l.version == "" || fmt.Sprint(found) != fmt.Sprint(stated) {
		return list{}, fmt.Errorf("version %q: read %v where the file states %v", l.version, found, stated)
	}
	return l, l.compareForms(forms)
}

func (l *list) readComment(comment string, stated map[string]int) {
	key, value, _ := strings.Cut(comment, ":")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	switch key {
	case "Version":
		l.version = value
	case "fully-qualified", "minimally-qualified", "unqualified", "component":
		if n, err := strconv.Atoi(value); err == nil {
			stated[key] = n
		}
	}
}

func readEntry(line string) (status string, e entry, err error) {
	points, rest, _ := strings.Cut(line, ";")
	status, comment, _ := strings.Cut(rest, "#")
	var sequence strings.Builder
	for hex := range strings.FieldsSeq(points) {
		r, err := strconv.ParseUint(hex, 16, 21)
		if err != nil {
			return "", entry{}, err
		}
		sequence.WriteRune(rune(r))
	}
	picture, named, _ := strings.Cut(strings.TrimSpace(comment), " ")
	_, name, ok := strings.Cut(named, " ") // without the version, such as E0.6
	if !ok || picture != sequence.String() {
		return "", entry{}, fmt.Errorf("%q: want code points; status # the same emoji, version and name", line)
	}
	return strings.TrimSpace(status), entry{sequence: picture, name: name}, nil
}

// compareForms checks that the less qualified forms in the file are exactly those that
// lessQualified returns. It also checks that no two emoji differ in selectors alone, so
// that no form belongs to two emoji.
func (l *list) compareForms(stated map[string]bool) error {
	bare := map[string]bool{}
	forms := 0
	for _, e := range l.entries {
		key := strings.ReplaceAll(e.sequence, selector, "")
		if bare[key] {
			return fmt.Errorf("%q: another emoji differs from it in selectors alone", e.sequence)
		}
		bare[key] = true
		for _, form := range lessQualified(e.sequence) {
			if !stated[form] {
				return fmt.Errorf("%+q: its form %+q is not in the file", e.sequence, form)
			}
			forms++
		}
	}
	if forms != len(stated) {
		return fmt.Errorf("%d less qualified forms in the file, %d expected", len(stated), forms)
	}
	return nil
}

// lessQualified returns all forms of s that lack one or more of its selectors.
func lessQualified(s string) []string {
	forms := []string{""}
	for i, piece := range strings.Split(s, selector) {
		var longer []string
		for _, form := range forms {
			longer = append(longer, form+piece)
			if i > 0 {
				longer = append(longer, form+selector+piece)
			}
		}
		forms = longer
	}
	return forms[:len(forms)-1] // the last form lacks none
}
