package ingest

import (
	"net/http"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/httpserve"
)

// admit reads a reaction from JSON, and decides whether this server takes it now: by
// its emoji, by the quotas of its user and of the address that it is from, and by
// its channel.
func (h *Handler) admit(json []byte, from uint64) (reaction, *httpserve.Refusal) {
	one, refusal := parse(json)
	if refusal != nil {
		return one, refusal
	}
	if refusal := h.emojis.refusal(one.Emoji); refusal != nil {
		return one, refusal
	}
	if refusal := h.quotas.take(one, from); refusal != nil {
		return one, refusal
	}
	if !h.channels.admit(one.Channel) {
		return one, httpserve.Refusalf(http.StatusUnprocessableEntity, "too_many_channels",
			"channel %q would be one more than the %d that may be active at once: use an active one, or wait a minute", one.Channel, h.channels.limit)
	}
	return one, nil
}

// maxSuggestedEmojis is how many of the allowed emojis a refusal names.
const maxSuggestedEmojis = 10

// allowedEmojis are those that the operator has chosen.
type allowedEmojis struct {
	set       map[string]bool // nil: all
	suggested string          // the first of them, for people
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

// refusal is nil if the emoji is allowed.
func (a allowedEmojis) refusal(e string) *httpserve.Refusal {
	if a.set == nil || a.set[e] {
		return nil
	}
	return httpserve.Refusalf(http.StatusUnprocessableEntity, "emoji_not_allowed", "emoji_type: %s is not one of those that this server takes: send one such as%s", e, a.suggested)
}
