package httpserve

import (
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// forwardedRecently is how long a ForwardedCheck remembers a header that was ignored.
const forwardedRecently = 10 * time.Minute

// ForwardedCheck notices requests whose X-Forwarded-For is ignored because their peer is
// not a trusted proxy. Either a proxy is not named as one, so that all its clients count
// as one address, or the client has made the header up. The first one is logged.
type ForwardedCheck struct {
	proxies Proxies
	log     *slog.Logger
	last    atomic.Int64 // Unix time of the last such request, s; 0: there was none
}

// NewForwardedCheck returns a check for a server behind these proxies.
func NewForwardedCheck(p Proxies, log *slog.Logger) *ForwardedCheck {
	return &ForwardedCheck{proxies: p, log: log}
}

// Handler checks the requests to next.
func (f *ForwardedCheck) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header["X-Forwarded-For"]) > 0 {
			f.check(r)
		}
		next.ServeHTTP(w, r)
	})
}

func (f *ForwardedCheck) check(r *http.Request) {
	peer, ok := peerAddr(r)
	if !ok || f.proxies.contains(peer) {
		return
	}
	if f.last.Swap(time.Now().Unix()) == 0 {
		f.log.Warn("X-Forwarded-For is ignored, since it comes from a peer that is not named as a proxy", "peer", peer)
	}
}

// Health serves /healthz. Besides that the process is up, it tells whether an
// X-Forwarded-For was ignored within the last ten minutes.
func (f *ForwardedCheck) Health() http.Handler {
	return Methods(func(w http.ResponseWriter, _ *http.Request) {
		h := struct {
			Status    string `json:"status"`
			Forwarded string `json:"x_forwarded_for,omitempty"`
		}{Status: "ok"}
		if last := f.last.Load(); last > 0 && time.Since(time.Unix(last, 0)) < forwardedRecently {
			h.Forwarded = "ignored"
		}
		WriteJSON(w, http.StatusOK, h)
	}, http.MethodGet)
}
