package topicreader

import (
	"slices"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/wire"
)

// Filter says which reactions are wanted. An empty list wants all.
type Filter struct {
	Channels []string
	Emojis   []string
}

// NewFilter makes a filter of what somebody typed. An emoji is found in each of its
// spellings, of which another program may have recorded any.
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

// Wants says whether a reaction is wanted; an empty channel is the main one.
func (f Filter) Wants(channel, typed string) bool {
	if channel == "" {
		channel = wire.MainChannel
	}
	if len(f.Channels) > 0 && !slices.Contains(f.Channels, channel) {
		return false
	}
	if len(f.Emojis) == 0 || slices.Contains(f.Emojis, typed) {
		return true
	}
	known, err := emoji.Parse(typed)
	return err == nil && slices.Contains(f.Emojis, string(known))
}

// WantsAll says whether nothing is left out.
func (f Filter) WantsAll() bool { return len(f.Channels)+len(f.Emojis) == 0 }
