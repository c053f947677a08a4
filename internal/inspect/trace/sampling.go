package trace

// sample says whether a reaction is to be followed. When too many are followed, it
// drops every second one, and half of those to come too. It chooses by their numbers,
// so that those that remain are spread evenly over all.
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
