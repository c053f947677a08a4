package ingest

import (
	"net/http"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
)

// single takes in a body that is one reaction.
func (h *Handler) single(w http.ResponseWriter, r *http.Request, b *buffers, from client) *httpserve.Refusal {
	one, refusal := h.admit(wholeBody, b.body, from)
	if refusal != nil {
		return refusal
	}
	now := time.Now()
	b.batch.add(one, now.UnixMilli())
	err := h.append(r.Context(), b.batch.records, now)
	if len(b.body) > maxReactionBytes {
		limitAnswer(w) // see readWhole
	}
	if err != nil {
		return logRefusal(err)
	}
	b.answerQueued(w, now.UnixMilli())
	return nil
}
