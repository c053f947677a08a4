package ingest

import (
	"net/http"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/httpserve"
)

// maxSuggestedEmojis is how many of the allowed emojis a refusal names.
const maxSuggestedEmojis = 10

// allowedEmojis holds the emojis that the operator allows.
type allowedEmojis struct {
	set       map[string]bool // nil: all
	suggested string          // the first of them, which a refusal names
}

func newAllowedEmojis(list []emoji.Emoji) (a allowedEmojis) {
	if len(list) == 0 {
		return a
	}
	a.set = map[string]bool{}
	for _, e := range list {
		if !a.set[string(e)] && len(a.set) < maxSuggestedEmojis {
			a.suggested += " " + string(e)
		}
		a.set[string(e)] = true
	}
	return a
}

// refusal returns nil if the emoji is allowed, else the refusal.
func (a allowedEmojis) refusal(e string) *httpserve.Refusal {
	if a.set == nil || a.set[e] {
		return nil
	}
	return httpserve.Refusalf(http.StatusUnprocessableEntity, "emoji_not_allowed", "emoji_type: %s is not one of those that this server takes: send one such as%s", e, a.suggested)
}
