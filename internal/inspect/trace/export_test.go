package trace

// Kept is how much is kept of windows and of reactions under way.
func (t *Tracer) Kept() int {
	n := len(t.all) + len(t.notCounted) + len(t.windows)
	for _, g := range t.windows {
		n += g.size() + len(g.onTheWay)
	}
	return n
}
