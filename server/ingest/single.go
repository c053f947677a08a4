package ingest

import (
	"net/http"
	"time"
)

// single takes in a body that is one reaction.
func (h *Handler) single(w http.ResponseWriter, r *http.Request, b *buffers) {
	one, refusal := h.admit(b.body, h.quotas.from(r))
	if refusal != nil {
		h.refuse(w, r, refusal)
		return
	}
	now := time.Now()
	b.batch.add(one, now.UnixMilli())
	if err := h.append(r.Context(), b.batch.records, now); err != nil {
		h.refuse(w, r, logRefusal(err))
		return
	}
	b.answerQueued(w, now.UnixMilli())
}
