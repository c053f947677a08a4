package main

import (
	"net/http"
	"net/http/pprof"
	"strconv"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/text/quote"
)

const (
	profilesPath = "/debug/pprof/"
	maxProfile   = 30 * time.Second // go tool pprof asks for 30 s unless told otherwise
)

// profiles serves the profiles of net/http/pprof, one request at a time, since each
// slows the process down. A profile may cover at most maxProfile, and no page of
// another site may ask for one.
func profiles(sites httpserve.SiteCheck) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(profilesPath, pprof.Index)
	mux.HandleFunc(profilesPath+"cmdline", pprof.Cmdline)
	mux.HandleFunc(profilesPath+"profile", pprof.Profile)
	mux.HandleFunc(profilesPath+"symbol", pprof.Symbol)
	mux.HandleFunc(profilesPath+"trace", pprof.Trace)
	turn := make(chan struct{}, 1)
	return sites.Wrap(httpserve.Methods(func(w http.ResponseWriter, r *http.Request) {
		if asked := r.URL.Query().Get("seconds"); asked != "" {
			seconds, err := strconv.ParseFloat(asked, 64)
			if err != nil || !(seconds > 0 && seconds <= maxProfile.Seconds()) {
				httpserve.Refusalf(http.StatusBadRequest, "invalid_seconds", "seconds is %s: want more than 0, and at most %v", quote.Text(asked, 20), maxProfile.Seconds()).ServeHTTP(w, r)
				return
			}
		}
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
			mux.ServeHTTP(w, r)
		default:
			refused := httpserve.Refusalf(http.StatusServiceUnavailable, "overloaded", "another profile is being taken: ask again when it is done, after %v at most", maxProfile)
			refused.RetryAfter = maxProfile
			refused.ServeHTTP(w, r)
		}
	}, http.MethodGet))
}
