package trace

// Kept returns how much the tracer keeps of windows and of reactions under way.
func (t *Tracer) Kept() int {
	n := len(t.all) + len(t.notCounted) + len(t.windows)
	for _, g := range t.windows {
		n += g.size() + len(g.onTheWay)
	}
	return n
}
