package registry

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/text/quote"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/access"
)

// register assigns a client to a subscriber server. Where there are keys, it first asks who
// the client is, and whether that one may listen.
func (h *Handler) register(w http.ResponseWriter, r *http.Request) {
	caller, refusal := h.gate.Caller(r)
	if refusal == nil {
		refusal = caller.MayAnywhere(access.Watch) // before anything is read
	}
	if refusal != nil {
		httpserve.LimitRefusedBody(w)
		refusal.ServeHTTP(w, r)
		return
	}
	who, refusal := parseRegistration(w, r)
	if refusal == nil {
		refusal = h.admit(caller, &who, time.Now())
	}
	if refusal != nil {
		refusal.ServeHTTP(w, r)
		return
	}
	all, now := h.servers.All(), time.Now()
	servers := h.usable(all)
	if free := freePlaces(servers, now); free > 0 && !h.share.take(h.client(r, caller), free, now) {
		_ = sleep.For(r.Context(), shareRefusalDelay)
		h.refuse(w, r, &httpserve.Refusal{
			Status: http.StatusServiceUnavailable, Code: "overloaded", RetryAfter: assignmentsPeriod,
			Message: "a quarter of the free places of subscriber servers was just given to this " + access.Holder(h.client(r, caller)) + ": try again in a moment",
		})
		return
	}
	s, verdict := h.assigner.Assign(servers, who.Avoid, now)
	switch verdict {
	case Assigned:
	case NoServers:
		message := "no subscriber server is there: start one with emostream subscribe, or try again in a moment"
		if len(servers) < len(all) {
			message = "no subscriber server is there that checks tickets by a key of this server: start one with emostream subscribe --ticket-key-file and the same file, or try again in a moment"
		}
		h.refuse(w, r, &httpserve.Refusal{Status: http.StatusServiceUnavailable, Code: "no_servers", RetryAfter: 2 * time.Second, Message: message})
		return
	case Full:
		h.refuse(w, r, &httpserve.Refusal{
			Status: http.StatusServiceUnavailable, Code: "full", RetryAfter: 5 * time.Second,
			Message: "all subscriber servers have reached their capacity: try again later, or start more with emostream subscribe",
		})
		return
	}
	h.assigned.WithLabelValues(s.Name).Inc()
	base, query := strings.TrimSuffix(s.URL, "/"), h.streamQuery(caller, who, now)
	w.Header().Set("Cache-Control", "no-store")
	httpserve.WriteJSON(w, http.StatusOK, wire.Assignment{
		ServerURL:  base + "/" + s.Name + query,
		ServerName: s.Name,
		UserID:     string(who.UserID),
		Message:    "Assigned to " + s.Name,
		StreamURL:  base + "/v1/swarm" + query,
	})
}

// client returns the address to which a client's places count, or the one that stands for
// the user whom a token has proven.
func (h *Handler) client(r *http.Request, caller *access.Caller) netip.Addr {
	if caller.Subject != "" {
		return h.people.Address(caller.Subject)
	}
	return h.proxies.ClientIP(r)
}

// refuse refuses to assign a client, and counts that.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, refusal *httpserve.Refusal) {
	h.refused.WithLabelValues(refusal.Code).Inc()
	refusal.ServeHTTP(w, r)
}

// registration is what a client says when it registers.
type registration struct {
	UserID wire.Text `json:"user_id"`
	Avoid  string    `json:"avoid"` // name of the server that has just failed the client; an unknown name has no effect
	// Channel is the one to which the client will listen. If it is empty, the addresses of
	// streams do not name one, and a ticket is for the main channel.
	Channel string `json:"channel"`
	// LastEventID is the last event that the client was sent. The addresses of streams carry
	// it, for clients that cannot send a header.
	LastEventID wire.Text `json:"last_event_id"`
}

// parseRegistration reads a registration from the query. What the query leaves out it
// reads from a JSON body. A body of another type is refused: who sends a form means his id
// to be taken.
func parseRegistration(w http.ResponseWriter, r *http.Request) (registration, *httpserve.Refusal) {
	var c registration
	if r.Method == http.MethodPost {
		body, refusal := httpserve.TypeOfBody(r, httpserve.JSON, httpserve.JSONLines, httpserve.NotJSON)
		switch {
		case refusal != nil:
		case body == httpserve.JSON:
			refusal = decode(w, r, &c, `{"user_id":"ann"}`)
		case hasBody(r):
			refusal = httpserve.Refusalf(http.StatusUnsupportedMediaType, "unsupported_media_type",
				`a body of content type %s is not taken: send user_id and avoid in the query, or {"user_id":"ann"} with Content-Type: application/json`, quote.Text(r.Header.Get("Content-Type"), 64))
		}
		if refusal != nil {
			return c, refusal
		}
	}
	q := r.URL.Query()
	c.UserID, c.Avoid = cmp.Or(wire.Text(q.Get("user_id")), c.UserID), cmp.Or(q.Get("avoid"), c.Avoid)
	c.Channel, c.LastEventID = cmp.Or(q.Get("channel"), c.Channel), cmp.Or(wire.Text(q.Get("last_event_id")), c.LastEventID)
	if c.Channel != "" && !wire.ValidChannel(c.Channel) {
		return c, httpserve.Refusalf(http.StatusUnprocessableEntity, "invalid_channel", "channel %s: 1 to %d of A-Z a-z 0-9 . _ - are allowed", quote.Text(c.Channel, 32), wire.MaxChannel)
	}
	if len(c.UserID) > wire.MaxUserID {
		return c, httpserve.Refusalf(http.StatusUnprocessableEntity, "invalid_user_id", "user_id has %d bytes: 1 to %d are allowed", len(c.UserID), wire.MaxUserID)
	}
	return c, nil
}

// hasBody says whether a request has a body of at least a byte. It reads that byte if no
// length was announced.
func hasBody(r *http.Request) bool {
	if r.ContentLength >= 0 {
		return r.ContentLength > 0
	}
	n, _ := io.ReadFull(r.Body, make([]byte, 1))
	return n > 0
}

// decode reads a small JSON body into v. An empty body leaves v as it is. example is a
// body that a refusal shows.
func decode(w http.ResponseWriter, r *http.Request, v any, example string) *httpserve.Refusal {
	const limit = 4 << 10
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return httpserve.Refusalf(http.StatusRequestEntityTooLarge, "too_large", "the body has more than %d bytes: send a JSON object like %s", limit, example)
	}
	if err != nil {
		return httpserve.Refusalf(http.StatusBadRequest, "broken_body", "the body ended before its time: send it again whole (%v)", err)
	}
	b = text.WithoutMarks(b)
	if refusal := httpserve.RefuseOtherThanUTF8("body", b); refusal != nil {
		return refusal
	}
	if len(b) > 0 && json.Unmarshal(b, v) != nil {
		return httpserve.Refusalf(http.StatusBadRequest, "invalid_json", "the body is not what is wanted here: send a JSON object like %s", example)
	}
	return nil
}

// unregister takes a client's assignment back. Who may not watch was given none.
func (h *Handler) unregister(w http.ResponseWriter, r *http.Request) {
	caller, refusal := h.gate.Caller(r)
	if refusal == nil {
		refusal = caller.MayAnywhere(access.Watch)
	}
	if refusal != nil {
		httpserve.LimitRefusedBody(w)
		refusal.ServeHTTP(w, r)
		return
	}
	if _, refusal := httpserve.TypeOfBody(r, httpserve.JSON); refusal != nil {
		refusal.ServeHTTP(w, r)
		return
	}
	var in struct {
		Server string `json:"server"`
	}
	if refusal := decode(w, r, &in, `{"server":"sub1"}`); refusal != nil {
		refusal.ServeHTTP(w, r)
		return
	}
	if in.Server == "" {
		httpserve.Refusalf(http.StatusBadRequest, "missing_field", `the field server is missing: send a JSON object like {"server":"sub1"}`).ServeHTTP(w, r)
		return
	}
	s, ok := h.servers.Get(in.Server)
	if !ok {
		httpserve.Refusalf(http.StatusBadRequest, "unknown_server", "no server %s is known: send the server_name that /register answered", quote.Text(in.Server, 40)).ServeHTTP(w, r)
		return
	}
	h.assigner.Cancel(s)
	httpserve.WriteJSON(w, http.StatusOK, map[string]string{"message": "Unregistered from " + s.Name})
}
