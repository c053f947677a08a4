package fanbench

import (
	"bytes"
	"strconv"

	"github.com/emostream/emostream/internal/wire"
)

// Event is what listeners are sent.
type Event struct {
	Sequence  int64 // from 1 on, without a gap
	Published int64 // when it was handed over, µs since the Unix epoch
}

// people is an emoji of 25 bytes.
const people = "👨‍👩‍👧‍👦"

// Swarm is the event as a window of the main channel: its total is the time, its
// first count the number. With one emoji it is an event of about 260 bytes.
func (e Event) Swarm(emojis int) wire.Swarm {
	end := e.Published / 1000
	s := wire.Swarm{Channel: wire.MainChannel, Window: wire.Window{Start: end - 1000, End: end}, Total: e.Published}
	for i := range emojis {
		s.Emojis = append(s.Emojis, wire.EmojiCount{Emoji: people, Count: e.Sequence + int64(i), Scaled: 1})
	}
	return s
}

// ParseEvent finds the number and the time in an event's data. It looks no further:
// it is called for every delivery.
func ParseEvent(data []byte) (Event, bool) {
	published, ok := number(data, `"total":`)
	sequence, also := number(data, `"emoji_count":`)
	return Event{Sequence: sequence, Published: published}, ok && also
}

// number is the whole number after the first key.
func number(data []byte, key string) (int64, bool) {
	i := bytes.Index(data, []byte(key))
	if i < 0 {
		return 0, false
	}
	data = data[i+len(key):]
	end := 0
	for end < len(data) && data[end] >= '0' && data[end] <= '9' {
		end++
	}
	n, err := strconv.ParseInt(string(data[:end]), 10, 64)
	return n, err == nil
}
