// Package suggest finds the word that somebody who wrote another one meant.
package suggest

import "iter"

// longest is the most letters of a word that is looked at: what is longer was no
// slip of the finger, and the work is bounded by it.
const longest = 64

// Nearest returns the word among candidates that is most likely meant by word, and
// "" if none is near: at most half of its letters may be wrong. Of several that
// are as near, the first one is it.
func Nearest(word string, candidates iter.Seq[string]) string {
	best, least := "", len(word)/2+1
	for c := range candidates {
		if d := edits(word, c); d < least {
			best, least = c, d
		}
	}
	return best
}

// edits is how many letters must be put in, taken out or changed to make b of a.
func edits(a, b string) int {
	if len(a) > longest {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
