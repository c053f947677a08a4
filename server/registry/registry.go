// Package registry tells clients which subscriber server to listen to. It knows the
// servers from their own heartbeats (package roster), so that all copies of `serve`
// know the same.
package registry

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/ticket"
	"github.com/emostream/emostream/server/access"
)

// Config says which servers there are and how to choose among them.
type Config struct {
	Servers  *roster.Roster // kept up to date by the caller
	Strategy Strategy       // default LeastLoaded
	// Proxies are the proxies that are trusted to name the address of a client.
	Proxies httpserve.Proxies
	// Sites says which web pages may register. Any page can make a browser send a GET, and
	// each of its visitors would take a place.
	Sites httpserve.SiteCheck
	// Gate says who may listen, and see the servers; nil: everybody.
	Gate *access.Gate
	// Tickets sign what lets clients listen; nil: they need none. With them and Gate, clients
	// are sent only to servers that check tickets.
	Tickets *ticket.Keys
	// CheckChannel returns why reactions of a channel are never taken, so that nobody need
	// listen to it. Default: all are.
	CheckChannel func(channel string) error
	// Controls say which users are banned; nil: none.
	Controls *controls.Table
	Metrics  prometheus.Registerer // nil: none
}

// Handler serves the calls about subscriber servers.
type Handler struct {
	servers  *roster.Roster
	assigner *Assigner
	share    addressShare
	people   access.People
	proxies  httpserve.Proxies
	sites    httpserve.SiteCheck
	gate     *access.Gate
	tickets  *ticket.Keys
	controls *controls.Table
	channel  func(string) error // see Config.CheckChannel
	assigned *prometheus.CounterVec
	refused  *prometheus.CounterVec
}

// New returns a handler.
func New(cfg Config) *Handler {
	f := promauto.With(cfg.Metrics)
	if cfg.CheckChannel == nil {
		cfg.CheckChannel = func(string) error { return nil }
	}
	h := &Handler{
		servers:  cfg.Servers,
		assigner: NewAssigner(cfg.Strategy),
		people:   access.NewPeople(),
		proxies:  cfg.Proxies,
		sites:    cfg.Sites,
		gate:     cfg.Gate,
		tickets:  cfg.Tickets,
		controls: cfg.Controls,
		channel:  cfg.CheckChannel,
		assigned: f.NewCounterVec(prometheus.CounterOpts{
			Name: "emostream_assignments_total", Help: "Clients assigned to a subscriber server.",
		}, []string{"server"}),
		refused: f.NewCounterVec(prometheus.CounterOpts{
			Name: "emostream_assignments_refused_total", Help: "Clients that could not be assigned, by the code of the answer.",
		}, []string{"code"}),
	}
	for _, code := range []string{"no_servers", "full", "overloaded"} {
		h.refused.WithLabelValues(code) // so that the first one is seen as an increase
	}
	return h
}

// Routes adds the calls to a mux.
func (h *Handler) Routes(mux *http.ServeMux) {
	mux.Handle("/register", httpserve.Methods(h.sites.Wrap(http.HandlerFunc(h.register)).ServeHTTP, http.MethodGet, http.MethodPost))
	mux.Handle("/unregister", httpserve.Methods(h.unregister, http.MethodPost))
	mux.Handle("/v1/servers", httpserve.Methods(h.list, http.MethodGet))
}
