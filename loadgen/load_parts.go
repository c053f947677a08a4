package loadgen

import "time"

// MaxStageFigures is the greatest number of stages that a report has figures of. Each
// costs the memory of a few histograms.
const MaxStageFigures = 100

// loadParts divides a load by when its requests are due, so that each part has figures
// of its own. Part 0 is the warm-up. Behind it comes a part for each stage, without what
// belongs to the warm-up, or one for the whole rest. Parts may be empty.
type loadParts struct {
	ends []time.Duration // of each part, from the start of the load
}

// newLoadParts divides the load of a schedule. byStage says whether each stage is a part.
func newLoadParts(s Schedule, warmUp time.Duration, byStage bool) loadParts {
	ends := []time.Duration{warmUp}
	if byStage {
		for _, st := range s.stages {
			ends = append(ends, max(warmUp, st.start+st.For))
		}
	} else {
		ends = append(ends, s.length)
	}
	return loadParts{ends}
}

// of returns the part of a request that is due at a moment.
func (p loadParts) of(due time.Duration) int {
	for i, end := range p.ends[:len(p.ends)-1] {
		if due < end {
			return i
		}
	}
	return len(p.ends) - 1
}

// period returns when a part starts and ends.
func (p loadParts) period(part int) (start, end time.Duration) {
	if part > 0 {
		start = p.ends[part-1]
	}
	return start, p.ends[part]
}
