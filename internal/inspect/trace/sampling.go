package trace

// sample says whether a reaction is followed. When too many are, every second of them
// is dropped, and of the coming ones too: evenly, so that the rest stand for all.
func (t *Tracer) sample(f *followed, traceable bool) bool {
	f.n = t.totals.wanted
	t.totals.wanted++
	if len(t.all) >= t.cfg.MaxFollowed {
		t.sampling *= 2
		for o := range t.all {
			if o.n%t.sampling != 0 {
				t.drop(o)
			}
		}
	}
	if !traceable || f.n%t.sampling != 0 || len(t.all) >= t.cfg.MaxFollowed {
		t.totals.notFollowed++
		return false
	}
	return true
}
