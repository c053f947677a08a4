package loadgen

import "math/bits"

// numberSet is a set of numbers >= 0, with one bit for each.
type numberSet []uint64

// add adds n, and returns whether it is new.
func (s *numberSet) add(n int64) bool {
	i, bit := int(n/64), uint64(1)<<(n%64)
	if missing := i + 1 - len(*s); missing > 0 {
		*s = append(*s, make([]uint64, missing)...)
	}
	had := (*s)[i]&bit != 0
	(*s)[i] |= bit
	return !had
}

// addAll adds all numbers of another set.
func (s *numberSet) addAll(o numberSet) {
	if missing := len(o) - len(*s); missing > 0 {
		*s = append(*s, make([]uint64, missing)...)
	}
	for i, word := range o {
		(*s)[i] |= word
	}
}

func (s numberSet) has(n int64) bool {
	i := int(n / 64)
	return i < len(s) && s[i]&(1<<(n%64)) != 0
}

func (s numberSet) len() int64 {
	n := 0
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return int64(n)
}
