// Package fold holds the one thing on which the writer and the reader of the
// emoji table must agree: where an emoji is looked for.
//
// An emoji and its less qualified forms differ in presentation selectors only
// (❤ and ❤️). So the place is computed without them, and one entry serves
// all forms.
package fold

// Selector is U+FE0F in UTF-8. It asks for a character's emoji presentation.
const Selector = "\uFE0F"

// Hash is the 32-bit FNV-1a hash of s without its selectors, its upper half
// folded into the lower one, for tables much smaller than 2^32.
func Hash[T ~string | ~[]byte](s T) uint32 {
	const offset, prime = 2166136261, 16777619
	h := uint32(offset)
	for i := 0; i < len(s); i++ {
		if s[i] == Selector[0] && i+2 < len(s) && s[i+1] == Selector[1] && s[i+2] == Selector[2] {
			i += 2
			continue
		}
		h = (h ^ uint32(s[i])) * prime
	}
	return h ^ h>>16
}
