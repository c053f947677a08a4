package registry

import (
	"net/http"
	"slices"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/access"
)

// Server is a subscriber server in the answer to /v1/servers.
type Server struct {
	wire.ServerStatus
	Pending int     `json:"pending"` // clients that this copy of serve has assigned to it and that its last heartbeat does not include
	Alive   bool    `json:"alive"`
	Age     float64 `json:"heartbeat_age"` // seconds since its last heartbeat
}

// Cluster sums up those servers of a cluster that are alive.
type Cluster struct {
	Name     string `json:"name"`
	Servers  int    `json:"servers"`
	Clients  int    `json:"clients"`
	Pending  int    `json:"pending"`
	Capacity int    `json:"capacity"`
}

// list answers with all servers that were heard of within roster.Lookback, and with
// their sums by cluster. Where there are keys only managers may see them.
func (h *Handler) list(w http.ResponseWriter, r *http.Request) {
	if refusal := h.mayNotManage(r); refusal != nil {
		refusal.ServeHTTP(w, r)
		return
	}
	now := time.Now()
	out := struct {
		Servers  []Server  `json:"servers"`
		Clusters []Cluster `json:"clusters"`
	}{Servers: []Server{}, Clusters: []Cluster{}}
	for _, e := range h.servers.All() {
		if now.Sub(e.Heard) > roster.Lookback {
			continue // a copy of serve that has started since does not know it either, and all copies answer the same
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

// mayNotManage returns why who sent a request may not manage, or nil if that one may, or if
// there are no keys.
func (h *Handler) mayNotManage(r *http.Request) *httpserve.Refusal {
	if h.gate == nil {
		return nil
	}
	caller, refusal := h.gate.Caller(r)
	if refusal != nil {
		return refusal
	}
	return caller.May(access.Manage, "")
}
