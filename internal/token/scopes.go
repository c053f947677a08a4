package token

import (
	"fmt"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/wire"
)

// scopePrefix is what the scopes of this program begin with.
const scopePrefix = "emostream:"

// maxScopes is how many scopes of this program a token may have.
const maxScopes = 64

// Scopes are the scopes of this program in a token, such as emostream:send:stage-*.
type Scopes []string

// ParseScopes returns the scopes of this program among those of a token, which spaces
// separate. Unknown are those that look like it and are none: they allow nothing, since a
// newer release may know more of them.
func ParseScopes(claim string) (known Scopes, unknown []string, err error) {
	for scope := range strings.FieldsSeq(claim) {
		rest, ours := strings.CutPrefix(scope, scopePrefix)
		switch {
		case !ours:
		case !validScope(rest):
			unknown = append(unknown, scope)
		case len(known) == maxScopes:
			return nil, nil, fmt.Errorf("it has more than %d scopes of emostream: name channels by what they begin with, as in emostream:send:stage-*", maxScopes)
		default:
			known = append(known, strings.Clone(rest)) // which keeps the claim out of memory
		}
	}
	return known, unknown, nil
}

func validScope(s string) bool {
	action, channel, limited := strings.Cut(s, ":")
	switch action {
	case "send", "watch":
		prefix, isPrefix := strings.CutSuffix(channel, "*")
		return !limited || wire.ValidChannel(prefix) || isPrefix && prefix == ""
	case "manage", "as":
		return !limited
	}
	return false
}

// Allow says whether one of the scopes covers an action in a channel. An action that is
// not about a channel has none.
func (s Scopes) Allow(action, channel string) bool {
	for _, scope := range s {
		scoped, limit, limited := strings.Cut(scope, ":")
		if scoped != action {
			continue
		}
		prefix, isPrefix := strings.CutSuffix(limit, "*")
		if !limited || limit == channel || isPrefix && strings.HasPrefix(channel, prefix) {
			return true
		}
	}
	return false
}

// AllowSomewhere says whether one of the scopes covers an action in some channel.
func (s Scopes) AllowSomewhere(action string) bool {
	return slices.ContainsFunc(s, func(scope string) bool {
		scoped, _, _ := strings.Cut(scope, ":")
		return scoped == action
	})
}

// String returns the scopes as they stand in a token.
func (s Scopes) String() string {
	if len(s) == 0 {
		return ""
	}
	return scopePrefix + strings.Join(s, " "+scopePrefix)
}
