package ingest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"unicode/utf8"

	"github.com/emostream/emostream/internal/httpserve"
)

// An array of many items that are shorter than any reaction on average is refused
// whole. A reaction has at least 30 bytes, so most of the items are none. Otherwise an
// answer with a result for each could be many times as large as the array.
const (
	minJudgedItems = 100
	minItemBytes   = 16
)

// array takes in a body that is a JSON array of reactions.
func (h *Handler) array(w http.ResponseWriter, r *http.Request, b *buffers, from client) {
	bulk := bulk{handler: h, from: from, turn: h.turns.of(from.address)}
	defer bulk.turn.end()
	bulk.turn.begin()
	all, refusal := split(b.body)
	if refusal != nil {
		bulk.turn.end()
		h.refuse(w, r, refusal)
		return
	}
	answer := newArrayAnswer(len(all), len(b.body))
	bulk.record = answer.record
	for i, item := range all {
		bulk.add(r.Context(), i, item)
	}
	bulk.flush(r.Context())
	bulk.turn.end()
	answer.send(w, r, bulk.logFailure)
}

// split returns the items of a JSON array.
func split(body []byte) (items, *httpserve.Refusal) {
	if !utf8.Valid(body) {
		return nil, invalidUTF8()
	}
	var all items
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, badJSON(body, err)
	}
	if len(all) > maxArrayItems {
		return nil, httpserve.Refusalf(http.StatusRequestEntityTooLarge, "too_many_items",
			"the array has more than the %d reactions that are allowed: send several, or one a line as application/x-ndjson", maxArrayItems)
	}
	if len(all) > minJudgedItems && len(body) < minItemBytes*len(all) {
		return nil, httpserve.Refusalf(http.StatusUnprocessableEntity, "no_reactions",
			"the array has %d items in %d bytes, and no reaction is that short: send objects like {\"user_id\":\"ann\",\"emoji_type\":\"🔥\"}", len(all), len(body))
	}
	return all, nil
}

// items are the items of a JSON array. At most one more than maxArrayItems is decoded:
// otherwise an array of 4 MB that holds only zeros and commas would take 100 MB of
// memory.
type items []json.RawMessage

// UnmarshalJSON splits b, an array, into its items. encoding/json has checked that b is
// valid JSON.
func (i *items) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	if _, err := dec.Token(); err != nil { // the opening bracket
		return err
	}
	for dec.More() && len(*i) <= maxArrayItems {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return err
		}
		*i = append(*i, raw)
	}
	return nil
}
