package ingest

import (
	"bytes"
	"cmp"
	"net/http"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/text"
)

// Routes adds the calls to a mux.
func (h *Handler) Routes(mux *http.ServeMux) {
	mux.Handle("/send_emoji", httpserve.Methods(h.sendEmoji, http.MethodPost))
	mux.Handle("/v1/reactions", httpserve.Methods(h.reactions, http.MethodPost))
	mux.Handle("/v1/config", httpserve.Methods(h.config, http.MethodGet))
}

// sendEmoji takes one reaction in, as the Python system did.
func (h *Handler) sendEmoji(w http.ResponseWriter, r *http.Request) {
	_, wrongType := httpserve.TypeOfBody(r, httpserve.JSON)
	h.readWhole(w, r, wrongType, maxReactionBytes, h.single)
}

// reactions takes in one reaction, an array of them, or a stream of lines.
func (h *Handler) reactions(w http.ResponseWriter, r *http.Request) {
	body, wrongType := httpserve.TypeOfBody(r, httpserve.JSON, httpserve.JSONLines)
	if body == httpserve.JSONLines && wrongType == nil {
		h.readStream(w, r)
		return
	}
	h.readWhole(w, r, wrongType, maxArrayBytes, h.singleOrArray)
}

func (h *Handler) singleOrArray(w http.ResponseWriter, r *http.Request, b *buffers, from client) *httpserve.Refusal {
	if bytes.HasPrefix(bytes.TrimLeft(b.body, " \t\r\n"), []byte("[")) {
		return h.array(w, r, b, from)
	}
	return h.single(w, r, b, from)
}

// takeIn answers a request with one body, or returns why it refuses it.
type takeIn func(http.ResponseWriter, *http.Request, *buffers, client) *httpserve.Refusal

// readWhole reads a body of at most limit bytes and hands it to next, unless its client may
// not send, or wrongType is the refusal of its type. A refusal may be held back for a
// while, so it is sent when the request is in flight no more.
func (h *Handler) readWhole(w http.ResponseWriter, r *http.Request, wrongType *httpserve.Refusal, limit int64, next takeIn) {
	from, refusal := h.client(r)
	if refusal != nil {
		h.refuseUnread(w, r, refusal)
		return
	}
	if refusal := h.readInFlight(w, r, from, wrongType, limit, next); refusal != nil {
		h.refuse(w, r, refusal)
	}
}

// readInFlight is readWhole while the request is in flight. It refuses the request unread
// if there is no room for it, if its address has no token left, or for its type.
func (h *Handler) readInFlight(w http.ResponseWriter, r *http.Request, from client, wrongType *httpserve.Refusal, limit int64, next takeIn) *httpserve.Refusal {
	declared := r.ContentLength
	if declared > limit {
		declared = 0 // it is refused unread
	}
	place, refusal := h.inFlight.enter(from.address, declared)
	if refusal != nil {
		httpserve.LimitRefusedBody(w)
		return refusal
	}
	defer place.leave()
	if refusal := cmp.Or(h.quotas.refusalIfSpent(from), wrongType); refusal != nil {
		httpserve.LimitRefusedBody(w)
		return refusal
	}
	b, _ := h.buffers.Get().(*buffers)
	defer b.release(&h.buffers)
	refusal = b.read(w, r, limit, &place)
	if place.large {
		limitAnswer(w) // reading may have taken longer than the server's write timeout
	}
	if refusal != nil {
		return refusal
	}
	b.body = text.WithoutMarks(b.body)
	return next(w, r, b, from)
}

// readStream takes in a stream of lines, if there is room for one.
func (h *Handler) readStream(w http.ResponseWriter, r *http.Request) {
	from, refusal := h.client(r)
	if refusal != nil {
		h.refuseUnread(w, r, refusal)
		return
	}
	if refusal := h.inFlight.openStream(from.address); refusal != nil {
		h.refuseUnread(w, r, refusal)
		return
	}
	defer h.inFlight.closeStream(from.address)
	httpserve.Streaming(http.HandlerFunc(func(w http.ResponseWriter, streaming *http.Request) {
		h.ndjson(streaming.Context(), w, r, from)
	})).ServeHTTP(w, r)
}
