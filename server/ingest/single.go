package ingest

import (
	"net/http"
	"time"
)

// single takes in a body that is one reaction.
func (h *Handler) single(w http.ResponseWriter, r *http.Request, b *buffers, from client) {
	one, refusal := h.admit(b.body, from)
	if refusal != nil {
		h.refuse(w, r, refusal)
		return
	}
	now := time.Now()
	b.batch.add(one, now.UnixMilli())
	err := h.append(r.Context(), b.batch.records, now)
	if len(b.body) > maxReactionBytes {
		limitAnswer(w) // see readWhole
	}
	if err != nil {
		h.refuse(w, r, logRefusal(err))
		return
	}
	b.answerQueued(w, now.UnixMilli())
}
