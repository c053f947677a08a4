package access

import (
	"net/http"
	"slices"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/text/quote"
	"github.com/emostream/emostream/internal/token"
	"github.com/emostream/emostream/internal/wire"
)

// Action is what a scope allows.
type Action string

// The actions. Manage is not about a channel.
const (
	Send   Action = "send"   // reactions
	Watch  Action = "watch"  // register, and listen to streams
	Manage Action = "manage" // see the servers, and set controls
)

// Caller is who sent a request, as far as a token has proven it. It does not change.
type Caller struct {
	// Subject is the sub of the token; empty: the request came without a token, or there
	// are no keys.
	Subject string
	// Expires is when the token ends; zero: it never does.
	Expires time.Time

	recordedAs string       // the subject, or its pseudonym
	everything bool         // there are no keys: everybody may do everything but manage
	scopes     token.Scopes // what the token allows
	anonymous  []Action     // what nobody needs a token for
	pseudonyms *Pseudonyms  // under which people are recorded
}

// everybody is the caller of every request where there are no keys.
var everybody = &Caller{everything: true} //nolint:gochecknoglobals // it never changes

// May returns why the caller may not do something in a channel, or nil if it may. For
// Manage the channel is empty.
func (c *Caller) May(do Action, channel string) *httpserve.Refusal {
	return c.refusalUnless(c.scopes.Allow(string(do), channel), do, channel)
}

// MayAnywhere returns why the caller may do something in no channel at all, or nil if it
// may in some. What is asked before a request is read is asked so, since the channels of
// reactions stand in its body.
func (c *Caller) MayAnywhere(do Action) *httpserve.Refusal {
	return c.refusalUnless(c.scopes.AllowSomewhere(string(do)), do, "")
}

func (c *Caller) refusalUnless(scoped bool, do Action, channel string) *httpserve.Refusal {
	switch {
	case c.everything && do == Manage:
		return httpserve.Refusalf(http.StatusForbidden, "not_allowed", "this server has no keys, so that nobody can prove that they may do this: start it with --auth-keys, or use the command line with --brokers")
	case c.everything, scoped, slices.Contains(c.anonymous, do):
		return nil
	case c.Subject == "":
		return tokenMissing("this needs a token: send it as Authorization: Bearer TOKEN")
	}
	needed := "emostream:" + string(do)
	or := ""
	if wire.ValidChannel(channel) {
		or = " (or " + needed + ":" + channel + ")"
	}
	refusal := httpserve.Refusalf(http.StatusForbidden, "not_allowed", "this needs the scope %s%s, which the token does not have: ask for one that has it", needed, or)
	refusal.Challenge = challenge + `, error="insufficient_scope", scope="` + needed + `"`
	return refusal
}

// SendsForOthers says whether the caller may send for other users, as a backend does that
// posts for its people. Then limits and bans go by user_id.
func (c *Caller) SendsForOthers() bool { return c.scopes.Allow("as", "") }

// SendsAs returns the user_id with which a reaction of the caller is recorded that names
// userID, which may be empty. A caller with a token sends as its subject, unless it may
// send for others.
func (c *Caller) SendsAs(userID string) (string, *httpserve.Refusal) {
	switch {
	case c.Subject == "" || userID != "" && c.SendsForOthers():
		return c.pseudonyms.Of(userID), nil
	case userID == "" || userID == c.Subject:
		return c.recordedAs, nil
	}
	return "", httpserve.Refusalf(http.StatusForbidden, "user_mismatch", "user_id %s is not the sub of the token: leave it out, or ask for a token with the scope emostream:as", quote.Text(userID, 40))
}
