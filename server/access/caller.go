package access

import (
	"net/http"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/text/quote"
)

// Action is what a scope allows.
type Action string

// The actions. Manage is not about a channel.
const (
	Send   Action = "send"   // reactions
	Watch  Action = "watch"  // register, and listen to streams
	Manage Action = "manage" // see the servers, and set controls
)

// Caller is who sent a request, as far as a token has proven it.
type Caller struct {
	// Subject is the sub of the token; empty: the request came without a token, or there
	// are no keys.
	Subject string
	// Expires is when the token ends; zero: it never does.
	Expires time.Time

	everything bool   // there are no keys: everybody may do everything but manage
	scopes     scopes // what it may do
	as         bool   // it may send for other users
}

// everybody is the caller of every request where there are no keys.
var everybody = &Caller{everything: true}

// May returns why the caller may not do something in a channel, or nil if it may. For
// Manage the channel is empty.
func (c *Caller) May(do Action, channel string) *httpserve.Refusal {
	if c.everything && do != Manage || c.scopes.allow(do, channel) {
		return nil
	}
	if c.everything {
		return httpserve.Refusalf(http.StatusForbidden, "not_allowed", "this server has no keys, so that nobody can prove that they may do this: start it with --auth-keys, or use the command line with --brokers")
	}
	needed := "emostream:" + string(do)
	if do != Manage {
		needed += " (or " + needed + ":" + quote.Text(channel, 32) + ")"
	}
	return httpserve.Refusalf(http.StatusForbidden, "not_allowed", "this needs the scope %s: ask for a token that has it", needed)
}

// SendsAs returns the user_id with which a reaction of the caller is recorded that names
// userID, which may be empty. A caller with a token sends as its subject, unless it may
// send for others.
func (c *Caller) SendsAs(userID string) (string, *httpserve.Refusal) {
	switch {
	case c.Subject == "" || c.as && userID != "":
		return userID, nil
	case userID == "" || userID == c.Subject:
		return c.Subject, nil
	}
	return "", httpserve.Refusalf(http.StatusForbidden, "user_mismatch", "user_id %s is not the sub of the token: leave it out, or ask for a token with the scope emostream:as", quote.Text(userID, 40))
}

// scopes are the scopes of this program in a token, such as send:stage-*.
type scopes []string

// allow says whether one of the scopes covers an action in a channel.
func (s scopes) allow(do Action, channel string) bool {
	for _, scope := range s {
		action, limit, limited := strings.Cut(scope, ":")
		prefix, isPrefix := strings.CutSuffix(limit, "*")
		switch {
		case Action(action) != do:
		case !limited, limit == channel, isPrefix && strings.HasPrefix(channel, prefix):
			return true
		}
	}
	return false
}
