package access

// NeedsToken says whether nobody may do something without a token.
func (g *Gate) NeedsToken(Action) bool { return g != nil }
