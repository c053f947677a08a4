// Package registry tells clients which subscriber server to listen to. What it
// knows of the servers it has from their own heartbeats (package roster), so that
// any number of copies of `serve` agree.
package registry

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/wire"
)

// Config says what is known of the servers and how to choose.
type Config struct {
	Servers  *roster.Roster
	Strategy Strategy              // default LeastLoaded
	Metrics  prometheus.Registerer // nil: none
}

// Handler serves the calls about subscriber servers.
type Handler struct {
	servers  *roster.Roster
	assigner *Assigner
	assigned *prometheus.CounterVec
	refused  *prometheus.CounterVec
}

// New returns a handler.
func New(cfg Config) *Handler {
	f := promauto.With(cfg.Metrics)
	h := &Handler{
		servers:  cfg.Servers,
		assigner: NewAssigner(cfg.Strategy),
		assigned: f.NewCounterVec(prometheus.CounterOpts{
			Name: "emostream_assignments_total", Help: "Clients assigned to a subscriber server.",
		}, []string{"server"}),
		refused: f.NewCounterVec(prometheus.CounterOpts{
			Name: "emostream_assignments_refused_total", Help: "Clients that could not be assigned, by the code of the answer.",
		}, []string{"code"}),
	}
	for _, code := range []string{"no_servers", "full"} {
		h.refused.WithLabelValues(code) // so that the first one is seen as an increase
	}
	return h
}

// Routes adds the calls to a mux.
func (h *Handler) Routes(mux *http.ServeMux) {
	mux.Handle("/register", httpserve.Methods(h.register, http.MethodGet, http.MethodPost))
	mux.Handle("/unregister", httpserve.Methods(h.unregister, http.MethodPost))
	mux.Handle("/v1/servers", httpserve.Methods(h.list, http.MethodGet))
}

func (h *Handler) register(w http.ResponseWriter, r *http.Request) {
	who, problem := introduction(w, r)
	if problem != nil {
		problem.ServeHTTP(w, r)
		return
	}
	s, verdict := h.assigner.Assign(h.servers.All(), who.Avoid, time.Now())
	switch verdict {
	case Assigned:
	case NoServers:
		h.refuse(w, r, &httpserve.Refusal{
			Status: http.StatusServiceUnavailable, Code: "no_servers", RetryAfter: 2 * time.Second,
			Message: "no subscriber server is there: start one with emostream subscribe, or try again in a moment",
		})
		return
	case Full:
		h.refuse(w, r, &httpserve.Refusal{
			Status: http.StatusServiceUnavailable, Code: "full", RetryAfter: 5 * time.Second,
			Message: "all subscriber servers have reached their capacity: try again later, or start more with emostream subscribe",
		})
		return
	}
	h.assigned.WithLabelValues(s.Name).Inc()
	base := strings.TrimSuffix(s.URL, "/")
	w.Header().Set("Cache-Control", "no-store")
	httpserve.WriteJSON(w, http.StatusOK, wire.Assignment{
		ServerURL:  base + "/" + s.Name,
		ServerName: s.Name,
		UserID:     who.UserID,
		Message:    "Assigned to " + s.Name,
		StreamURL:  base + "/v1/swarm",
	})
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, p *httpserve.Refusal) {
	h.refused.WithLabelValues(p.Code).Inc()
	p.ServeHTTP(w, r)
}

// client is what one says of itself when it registers.
type client struct {
	UserID string `json:"user_id"`
	Avoid  string `json:"avoid"` // the server that has just failed it; one that is not known is nothing to avoid
}

// introduction reads what a client says in the query or, where that is silent, in
// a JSON body, and names it if it has no name.
func introduction(w http.ResponseWriter, r *http.Request) (client, *httpserve.Refusal) {
	var c client
	if r.Method == http.MethodPost && isJSON(r) {
		if problem := decode(w, r, &c, `{"user_id":"ann"}`); problem != nil {
			return c, problem
		}
	}
	q := r.URL.Query()
	c.UserID, c.Avoid = cmp.Or(q.Get("user_id"), c.UserID), cmp.Or(q.Get("avoid"), c.Avoid)
	if c.UserID == "" {
		c.UserID = "user_" + strings.ToLower(rand.Text()[:12])
	}
	if len(c.UserID) > wire.MaxUserID {
		return c, httpserve.Refusalf(http.StatusUnprocessableEntity, "invalid_user_id", "user_id has %d bytes: 1 to %d are allowed", len(c.UserID), wire.MaxUserID)
	}
	return c, nil
}

func isJSON(r *http.Request) bool {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && t == "application/json"
}

// decode reads a small JSON body like the example into v; an empty one leaves v
// as it is.
func decode(w http.ResponseWriter, r *http.Request, v any, example string) *httpserve.Refusal {
	const limit = 4 << 10
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return httpserve.Refusalf(http.StatusRequestEntityTooLarge, "too_large", "the body has more than %d bytes: send a JSON object like %s", limit, example)
	}
	if err != nil {
		return httpserve.Refusalf(http.StatusBadRequest, "broken_body", "the body ended before its time: send it again whole (%v)", err)
	}
	if len(b) > 0 && json.Unmarshal(b, v) != nil {
		return httpserve.Refusalf(http.StatusBadRequest, "invalid_json", "the body is not what is wanted here: send a JSON object like %s", example)
	}
	return nil
}

func (h *Handler) unregister(w http.ResponseWriter, r *http.Request) {
	if !isJSON(r) {
		httpserve.Refusalf(http.StatusUnsupportedMediaType, "unsupported_media_type",
			"content type %.64q is not taken: send JSON with Content-Type: application/json", r.Header.Get("Content-Type")).ServeHTTP(w, r)
		return
	}
	var in struct {
		Server string `json:"server"`
	}
	if problem := decode(w, r, &in, `{"server":"sub1"}`); problem != nil {
		problem.ServeHTTP(w, r)
		return
	}
	if in.Server == "" {
		httpserve.Refusalf(http.StatusBadRequest, "missing_field", `the field server is missing: send a JSON object like {"server":"sub1"}`).ServeHTTP(w, r)
		return
	}
	s, ok := h.servers.Get(in.Server)
	if !ok {
		httpserve.Refusalf(http.StatusBadRequest, "unknown_server", "no server %.40q is known: send the server_name that /register answered", in.Server).ServeHTTP(w, r)
		return
	}
	h.assigner.Cancel(s)
	httpserve.WriteJSON(w, http.StatusOK, map[string]string{"message": "Unregistered from " + s.Name})
}

// Server is a subscriber server in the answer to /v1/servers.
type Server struct {
	wire.ServerStatus
	Pending int     `json:"pending"` // assigned to it by this copy of serve, and not among its clients yet
	Alive   bool    `json:"alive"`
	Age     float64 `json:"heartbeat_age"` // seconds since it was last heard of
}

// Cluster sums up the servers of a cluster that are alive.
type Cluster struct {
	Name     string `json:"name"`
	Servers  int    `json:"servers"`
	Clients  int    `json:"clients"`
	Pending  int    `json:"pending"`
	Capacity int    `json:"capacity"`
}

func (h *Handler) list(w http.ResponseWriter, _ *http.Request) {
	now := time.Now()
	out := struct {
		Servers  []Server  `json:"servers"`
		Clusters []Cluster `json:"clusters"`
	}{Servers: []Server{}, Clusters: []Cluster{}}
	for _, e := range h.servers.All() {
		if now.Sub(e.Heard) > roster.Memory {
			continue // a copy of serve that was started since has not heard of it
		}
		s := Server{ServerStatus: e.ServerStatus, Pending: h.assigner.Pending(e), Alive: e.Alive(now), Age: max(0, now.Sub(e.Heard).Seconds())}
		out.Servers = append(out.Servers, s)
		if !s.Alive {
			continue
		}
		i := slices.IndexFunc(out.Clusters, func(c Cluster) bool { return c.Name == s.Cluster })
		if i < 0 {
			i = len(out.Clusters)
			out.Clusters = append(out.Clusters, Cluster{Name: s.Cluster})
		}
		c := &out.Clusters[i]
		c.Servers, c.Clients, c.Pending, c.Capacity = c.Servers+1, c.Clients+s.Clients, c.Pending+s.Pending, c.Capacity+s.Capacity
	}
	w.Header().Set("Cache-Control", "no-store")
	httpserve.WriteJSON(w, http.StatusOK, out)
}
