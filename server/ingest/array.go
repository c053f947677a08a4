package ingest

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/emostream/emostream/internal/httpserve"
)

// An array of many items that are shorter than any reaction on average is refused
// whole. A reaction has at least 30 bytes, so most of the items are none. Otherwise an
// answer with a result for each could be many times as large as the array.
const (
	minJudgedItems = 100
	minItemBytes   = 16
)

// chargedBytes is for how many bytes of an array that is refused whole its address pays
// a token: about as many as a reaction has. Reading them costs as much as taking it in.
const chargedBytes = 100

// array takes in a body that is a JSON array of reactions.
func (h *Handler) array(w http.ResponseWriter, r *http.Request, b *buffers, from client) *httpserve.Refusal {
	bulk := bulk{handler: h, part: arrayItem, from: from, turn: h.turns.of(from.address)}
	defer bulk.turn.end()
	bulk.turn.begin()
	all, refusal := split(b.body)
	if refusal != nil {
		bulk.turn.end()
		h.quotas.charge(from, max(len(all), len(b.body)/chargedBytes))
		return refusal
	}
	answer := newArrayAnswer(len(all), len(b.body))
	bulk.record = answer.record
	for i, item := range all {
		bulk.add(r.Context(), i, item)
	}
	bulk.flush(r.Context())
	bulk.turn.end()
	answer.send(w, r, bulk.logFailure)
	return nil
}

// split returns the items of a JSON array as parts of b. If it refuses the array, the
// items are those that it has found until then.
func split(b []byte) (items [][]byte, refusal *httpserve.Refusal) {
	if refusal := httpserve.RefuseOtherThanUTF8(string(wholeBody), b); refusal != nil {
		return nil, refusal
	}
	if !json.Valid(b) {
		var whole json.RawMessage
		return nil, badJSON(wholeBody, b, json.Unmarshal(b, &whole))
	}
	depth, start := 0, 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			if depth++; depth == 1 {
				start = i + 1
			}
		case ']', '}', ',':
			if b[i] != ',' {
				depth--
			}
			if depth != 0 && (depth != 1 || b[i] != ',') {
				continue // inside an item
			}
			item := bytes.TrimSpace(b[start:i])
			start = i + 1
			if len(item) == 0 {
				continue // an empty array: other items have bytes, since b is valid
			}
			if len(items) == maxArrayItems {
				return items, httpserve.Refusalf(http.StatusRequestEntityTooLarge, "too_many_items",
					"the array has more than the %d reactions that are allowed: send several, or one a line as application/x-ndjson", maxArrayItems)
			}
			items = append(items, item)
		}
	}
	if len(items) > minJudgedItems && len(b) < minItemBytes*len(items) {
		return items, httpserve.Refusalf(http.StatusUnprocessableEntity, "no_reactions",
			"the array has %d items in %d bytes, and no reaction is that short: send objects like {\"user_id\":\"ann\",\"emoji_type\":\"🔥\"}", len(items), len(b))
	}
	return items, nil
}
