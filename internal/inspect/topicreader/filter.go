package topicreader

import (
	"slices"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/wire"
)

// Filter says which reactions are wanted. An empty list excludes nothing.
type Filter struct {
	Channels []string
	Emojis   []string
}

// NewFilter returns a filter for channels and emojis that somebody typed. The filter
// finds an emoji in all of its spellings, since programs may record any of them.
func NewFilter(channels, emojis []string) (Filter, error) {
	f := Filter{Channels: channels}
	for _, e := range emojis {
		known, err := emoji.Parse(e)
		if err != nil {
			return Filter{}, err
		}
		f.Emojis = append(f.Emojis, string(known))
	}
	return f, nil
}

// Wants says whether a reaction is wanted. An empty channel is the main channel.
func (f Filter) Wants(channel, typed string) bool {
	if channel == "" {
		channel = wire.MainChannel
	}
	if len(f.Channels) > 0 && !slices.Contains(f.Channels, channel) {
		return false
	}
	return len(f.Emojis) == 0 || slices.Contains(f.Emojis, emoji.Canonical(typed))
}

// WantsAll says whether every reaction is wanted.
func (f Filter) WantsAll() bool { return len(f.Channels)+len(f.Emojis) == 0 }
