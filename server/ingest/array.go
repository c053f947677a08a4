package ingest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"unicode/utf8"

	"github.com/emostream/emostream/internal/httpserve"
)

// items is a JSON array that is not decoded beyond one item more than is
// allowed: four megabytes of zeros and commas would take a hundred in memory.
type items []json.RawMessage

// UnmarshalJSON splits b, which encoding/json has found to be well formed.
func (i *items) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	if _, err := dec.Token(); err != nil { // the bracket
		return err
	}
	for dec.More() && len(*i) <= maxItems {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return err
		}
		*i = append(*i, raw)
	}
	return nil
}

// item is the outcome of one reaction in an array.
type item struct {
	AcceptedAt string `json:"accepted_at,omitempty"`
	Error      string `json:"error,omitempty"`
	Code       string `json:"code,omitempty"`
}

func (h *Handler) array(w http.ResponseWriter, r *http.Request, body []byte) {
	if !utf8.Valid(body) {
		h.refuse(w, r, invalidUTF8())
		return
	}
	var raw items
	if err := json.Unmarshal(body, &raw); err != nil {
		h.refuse(w, r, badJSON(body, err))
		return
	}
	if len(raw) > maxItems {
		h.refuse(w, r, httpserve.Refusalf(http.StatusRequestEntityTooLarge, "too_many_items",
			"the array has more than the %d reactions that are allowed: send several, or one a line as application/x-ndjson", maxItems))
		return
	}
	out := struct {
		Accepted int    `json:"accepted"`
		Rejected int    `json:"rejected"`
		Results  []item `json:"results"`
	}{Results: make([]item, len(raw))}
	c := chunk{handler: h, from: h.quotas.from(r), done: func(i int, at int64, p *httpserve.Refusal) {
		if p == nil {
			out.Accepted++
			out.Results[i] = item{AcceptedAt: stamp(at)}
			return
		}
		out.Rejected++
		out.Results[i] = item{Error: p.Message, Code: p.Code}
	}}
	for i, b := range raw {
		c.add(r.Context(), i, b)
	}
	c.flush(r.Context())
	answering(w)
	switch {
	case out.Accepted > 0 || len(raw) == 0:
		httpserve.WriteJSON(w, http.StatusOK, out)
	case c.lost != nil:
		c.lost.ServeHTTP(w, r)
	default:
		httpserve.WriteJSON(w, http.StatusUnprocessableEntity, out)
	}
}
