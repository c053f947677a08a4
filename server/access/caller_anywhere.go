package access

import (
	"net/http"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/httpserve"
)

// MayAnywhere returns why the caller may do something in no channel at all, or nil if it
// may in some. What is asked before a request is read is asked so, since the channels of
// reactions stand in its body.
func (c *Caller) MayAnywhere(do Action) *httpserve.Refusal {
	if c.everything || slices.ContainsFunc(c.scopes, func(scope string) bool {
		action, _, _ := strings.Cut(scope, ":")
		return Action(action) == do
	}) {
		return nil
	}
	return httpserve.Refusalf(http.StatusForbidden, "not_allowed", "this needs the scope emostream:%s: ask for a token that has it", do)
}

// SendsForOthers says whether the caller may send for other users, as a backend does that
// posts for its people.
func (c *Caller) SendsForOthers() bool { return c.as }
