package trace

// Kept is how much is kept of windows and of reactions under way.
func (t *Tracer) Kept() int {
	n := len(t.all) + len(t.uncount) + len(t.groups)
	for _, g := range t.groups {
		n += g.size() + len(g.spread)
	}
	return n
}
