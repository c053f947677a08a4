// Package suggest finds the word that somebody most likely meant by a misspelt one.
//
// Two suggestions are made elsewhere. Cobra suggests commands; it knows several
// spellings of them and names several. internal/emoji suggests shortcodes; it compares
// with only a few of some thousand, since servers do that for anybody who asks.
package suggest

import "iter"

// maxLetters is the greatest length of a misspelt word for which a suggestion is made.
// It bounds the work.
const maxLetters = 64

// Nearest returns the candidate that was most likely meant by word: the one with the
// fewest wrong letters, if these are at most half as many as word has. Of several it
// returns the first. It returns "" if no candidate is near.
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
