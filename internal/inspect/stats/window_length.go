package stats

// limitWindows merges each two windows into one while there are more windows than
// Config.Windows.
func (t *Statistics) limitWindows() {
	for len(t.windows) > t.cfg.Windows {
		longer := make(map[int64]int64, len(t.windows))
		for k, n := range t.windows {
			longer[floor(k, 2)] += n
		}
		t.windows, t.windowLength = longer, 2*t.windowLength
	}
}

// floor returns a / b, rounded down.
func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
