package access

import (
	"crypto/sha256"
	"time"
)

// Memory is what remembers tokens, without a gate.
type Memory struct{ *remembered }

// NewMemory returns one that remembers nothing yet.
func NewMemory() Memory { return Memory{newRemembered()} }

// Put remembers a token with a subject and scopes.
func (m Memory) Put(raw, subject string, scopes []string, expires time.Time) {
	m.put(sha256.Sum256([]byte(raw)), &Caller{Subject: subject, Expires: expires, scopes: scopes}, &ringKey{})
}

// Get says whether a token is remembered at a time.
func (m Memory) Get(raw string, at time.Time) bool {
	return m.get(sha256.Sum256([]byte(raw)), at) != nil
}

// Forget forgets all tokens that were verified.
func (g *Gate) Forget() {
	for i := range g.verified.shards {
		s := &g.verified.shards[i]
		clear(s.young)
		clear(s.before)
		s.size = 0
	}
}

// Asked returns how many kids are remembered that are not known.
func (g *Gate) Asked() int {
	g.keys.mu.Lock()
	defer g.keys.mu.Unlock()
	return len(g.keys.asked)
}
