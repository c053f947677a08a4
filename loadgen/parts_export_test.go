package loadgen

import "time"

// PartCounts returns how many events of a schedule belong to each part of the load: the
// warm-up, and each stage or the rest. bySum is what is due until the end of the part and
// was not due before it.
func PartCounts(s Schedule, warmUp time.Duration, byStage bool) (counts, bySum []int64) {
	p := newLoadParts(s, warmUp, byStage)
	counts, bySum = make([]int64, len(p.ends)), make([]int64, len(p.ends))
	for n := int64(0); ; n++ {
		at, ok := s.Due(n)
		if !ok {
			break
		}
		counts[p.of(at)]++
	}
	for i := range bySum {
		start, end := p.period(i)
		bySum[i] = s.By(end) - s.By(start)
	}
	return counts, bySum
}

// OverheadsFrom returns how many overheads are recorded of windows that ended at ends, if
// what was due before from is not measured.
func OverheadsFrom(from time.Time, ends ...time.Time) int64 {
	s := newShownSwarms([]string{"c"}, nil, func(int64) {})
	s.measureFrom(from)
	for _, end := range ends {
		s.recordOverhead(end, end.Add(time.Second))
	}
	return s.overhead.Count()
}

// PartOf returns the part of the load to which an event belongs that is due at a moment.
func PartOf(s Schedule, warmUp, due time.Duration) int {
	return newLoadParts(s, warmUp, true).of(due)
}
