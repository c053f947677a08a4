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
	if !utf8.Valid(b.body) {
		h.refuse(w, r, invalidUTF8())
		return
	}
	var all items
	if err := json.Unmarshal(b.body, &all); err != nil {
		h.refuse(w, r, badJSON(b.body, err))
		return
	}
	if len(all) > maxArrayItems {
		h.refuse(w, r, httpserve.Refusalf(http.StatusRequestEntityTooLarge, "too_many_items",
			"the array has more than the %d reactions that are allowed: send several, or one a line as application/x-ndjson", maxArrayItems))
		return
	}
	if len(all) > minJudgedItems && len(b.body) < minItemBytes*len(all) {
		h.refuse(w, r, httpserve.Refusalf(http.StatusUnprocessableEntity, "no_reactions",
			"the array has %d items in %d bytes, and no reaction is that short: send objects like {\"user_id\":\"ann\",\"emoji_type\":\"🔥\"}", len(all), len(b.body)))
		return
	}
	answer := newArrayAnswer(len(all), len(b.body))
	bulk := bulk{handler: h, from: from, record: answer.record}
	for i, item := range all {
		bulk.add(r.Context(), i, item)
	}
	bulk.flush(r.Context())
	answer.send(w, r, bulk.logFailure)
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
