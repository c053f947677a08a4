package fanout

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/emostream/emostream/internal/wire"
)

// Emojis that are hidden are left out of all that is sent from then on: of the swarms that
// come, and of the frames that are there already, which are encoded anew. Then the newest
// window of each channel is sent again, if it is another one for that, so that screens
// lose the emoji at once, and get it back when it is hidden no more. The total of a swarm
// stays what it was, so that a client must take the later one of equal totals.
//
// A client that has taken a part of a frame is sent the rest of it as it was.

// Hide leaves these emojis out, and no others. The names are as publish spells them. The
// map must not be changed afterwards. Hide calls changed when there is something for the
// listeners: first the newest windows, since all of them may take a second.
func (h *Hub) Hide(emojis map[string]bool, changed func()) {
	h.mu.Lock()
	if maps.Equal(emojis, h.hidden) {
		h.mu.Unlock()
		return
	}
	h.hidden = emojis
	names := slices.Collect(maps.Keys(h.channels))
	h.mu.Unlock()
	for _, windows := range []int{1, maxWindows} {
		for _, name := range names { // one at a time, so that nobody waits for all of them
			h.encodeAnew(name, windows)
		}
		h.encodings.Add(1)
		changed()
	}
}

// encodeAnew encodes those of the newest windows of a channel again in which other emojis
// are hidden now.
func (h *Hub) encodeAnew(name string, newest int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.channels[name]; c != nil {
		c.encodeAnew(newest)
		h.keepWithinBudget(c)
	}
}

// encodeAnew does what Hub.encodeAnew says. The caller holds c.hub.mu.
func (c *channel) encodeAnew(newest int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.windows) == 0 {
		return
	}
	changed := map[int64]bool{}
	var shown wire.Swarm // of the last that has changed
	for _, w := range c.windows[max(0, len(c.windows)-newest):] {
		if s, other := w.encodeAnew(c.hub.hidden); other {
			w.revised = true
			changed[w.end], shown = true, s
		}
	}
	old := c.updates.Load()
	latest := slices.Clone(old.latest)
	for i, u := range latest {
		if latest[i].singles = withoutSingles(u.singles, c.hub.hidden); changed[u.end] || mentions(u.swarm, c.hub.hidden) {
			latest[i].swarm = c.again(u)
		}
	}
	last := c.windows[len(c.windows)-1]
	c.updates.Store(&updates{latest: latest, count: old.count, newest: last.frame, arrived: old.arrived})
	if changed[last.end] {
		c.addUpdate(update{end: last.end, swarm: last.frame, singles: newFrame(func(b []byte) []byte { return last.appendSingles(b, shown, c.hub.maxRepeats) })})
	}
}

// again returns the frame of an update's window as it is now; nil: it is not kept any more.
// The caller holds c.mu.
func (c *channel) again(u update) frame {
	i, found := slices.BinarySearchFunc(c.windows, u.end, (*window).compareEnd)
	switch {
	case !found || len(u.swarm) == 0:
		return nil
	case bytes.HasPrefix(u.swarm.bytes(), []byte("id:")):
		return c.windows[i].frame
	}
	return c.windows[i].withoutID()
}

// encodeAnew encodes a window again if other emojis are hidden in it now. It returns the
// swarm that is shown of it, and whether it is another one. The caller holds the channel's
// mu.
func (w *window) encodeAnew(hidden map[string]bool) (shown wire.Swarm, other bool) {
	is, whole := w.json(), w.whole
	if whole == nil {
		if !mentions(is, hidden) {
			return wire.Swarm{}, false
		}
		whole = bytes.Clone(is)
	}
	s, err := wire.DecodeSwarm(whole)
	if err != nil {
		return wire.Swarm{}, false // it was encoded from a swarm
	}
	shown, leftOut := s.Without(hidden)
	data, err := json.Marshal(shown)
	if err != nil || bytes.Equal(data, is) {
		return wire.Swarm{}, false
	}
	if w.whole = nil; leftOut {
		w.whole = whole
	}
	w.encode(data)
	return shown, true
}

// json returns the swarm in the window's frame.
func (w *window) json() []byte {
	_, data, _ := bytes.Cut(w.frame.bytes(), []byte("\ndata: "))
	return bytes.TrimSuffix(data, []byte("\n\n"))
}

// mentions says whether a swarm in JSON lists one of the emojis.
func mentions(swarm []byte, emojis map[string]bool) bool {
	if len(emojis) == 0 {
		return false
	}
	for found := true; found; {
		var listed []byte
		if _, swarm, found = bytes.Cut(swarm, []byte(`"emoji_type":"`)); found {
			if listed, swarm, found = bytes.Cut(swarm, []byte(`"`)); emojis[string(listed)] {
				return true
			}
		}
	}
	return false
}

// withoutSingles returns a frame of single emojis without those that are hidden.
func withoutSingles(f frame, hidden map[string]bool) frame {
	if len(f) == 0 || len(hidden) == 0 {
		return f
	}
	var left []byte
	for event := range bytes.SplitAfterSeq(f.bytes(), []byte("\n\n")) {
		if emoji := bytes.TrimSuffix(bytes.TrimPrefix(event, []byte(`data: "`)), []byte("\"\n\n")); !hidden[string(emoji)] {
			left = append(left, event...)
		}
	}
	return newFrame(func(b []byte) []byte { return append(b, left...) })
}
