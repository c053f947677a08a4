// Package madepart finds the part of a page of the documentation that a command makes: it
// stands between a line of its own and the line <!-- end -->.
package madepart

import (
	"fmt"
	"strings"
)

const ends = "<!-- end -->\n"

// Cut cuts a page into the made part, what stands before it and what stands after it, with
// its lines. begins is the line before it, as in "<!-- made by make hostile: the table -->".
func Cut(page, begins string) (before, made, after string, err error) {
	before, rest, begun := strings.Cut(page, begins+"\n")
	made, after, ended := strings.Cut(rest, ends)
	if !begun || !ended {
		return "", "", "", fmt.Errorf("there is no place for the results: want the line %q, and then %q", begins, strings.TrimSpace(ends))
	}
	return before + begins + "\n", made, ends + after, nil
}
