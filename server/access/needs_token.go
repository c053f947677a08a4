package access

import "slices"

// NeedsToken says whether nobody may do something without a token.
func (g *Gate) NeedsToken(do Action) bool {
	return g != nil && (g.anonymous == nil || !slices.Contains(g.anonymous.anonymous, do))
}
