package doctor

import (
	"fmt"
	"strings"

	"github.com/emostream/emostream/internal/text"
)

// TokenKeys are the keys with which servers check tokens.
type TokenKeys struct {
	Source     string // the file or the URL; empty: there are none
	Keys       int    // how many there are
	PassedOver []error
	Err        error // why they cannot be read
}

// KeysOfTokens says whether tokens can be checked.
func KeysOfTokens(k TokenKeys) []Finding {
	l := findings{area: areaKeys}
	source, _, _ := strings.Cut(text.ShownURL(k.Source), "?")
	const none, do = "no token can be checked, so that who needs one is refused", "give --auth-keys keys that emostream token show takes, too"
	switch {
	case k.Source == "":
	case k.Err != nil:
		l.wrong(source, fmt.Sprintf("cannot be read: %.300s", k.Err), none, do)
	case k.Keys == 0 && len(k.PassedOver) > 0:
		l.wrong(source, fmt.Sprintf("none of its keys can check tokens: %.200s", k.PassedOver[0]), none, do)
	case k.Keys == 0:
		l.wrong(source, "it has no keys", none, do)
	case len(k.PassedOver) > 0:
		l.note(source, fmt.Sprintf("%s for tokens, and %s passed over: %.200s", many(k.Keys, "key"), many(len(k.PassedOver), "key"), k.PassedOver[0]),
			"tokens that are signed with that one are refused", "let the provider sign with a key that is taken, or leave it: it may be for other things")
	default:
		l.ok(source, "%s for tokens", many(k.Keys, "key"))
	}
	return l.all
}
