// Package suggest finds the word that was probably meant by a misspelt one.
//
// Two did-you-means are apart from it. Commands are suggested by cobra, which knows more
// than one spelling of them and names several. Shortcodes of emojis are suggested by
// internal/emoji, in a bounded part of some thousand words, since servers do it for
// anybody who asks.
package suggest

import "iter"

// maxLetters is how many letters a misspelt word may have. It bounds the work.
const maxLetters = 64

// Nearest returns the candidate that was most likely meant by word: the one with the
// fewest wrong letters, at most half of those of word. The first wins among several. It
// returns "" if no candidate is near.
func Nearest(word string, candidates iter.Seq[string]) string {
	best, fewest := "", len(word)/2+1
	for c := range candidates {
		if d := edits(word, c); d < fewest {
			best, fewest = c, d
		}
	}
	return best
}

// edits returns how many letters must be inserted, removed or changed to turn a into b.
func edits(a, b string) int {
	if len(a) > maxLetters {
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
