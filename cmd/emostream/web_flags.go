package main

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/text"
)

// webFlags say what a main server hands out to browsers.
type webFlags struct {
	on       bool // on unless the flag says otherwise: set before add
	loginURL string
	framers  []string
}

func (f *webFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.BoolVar(&f.on, "web", f.on, "serve a page to tap on at /, an overlay for OBS at /overlay, and the module for pages of others at /emostream.js")
	fl.StringVar(&f.loginURL, "login-url", "", "where the page sends people who need a token; https, or http on this machine")
	fl.StringArrayVar(&f.framers, "frame-origin", nil, "origin whose pages may show those of --web in a frame, like https://example.com, or *; can be repeated")
}

// check says what is wrong with the flags.
func (f *webFlags) check() error {
	switch {
	case !f.on && f.loginURL != "":
		return usagef("--login-url goes with --web, the page that sends people there, which is off")
	case !f.on && len(f.framers) > 0:
		return usagef("--frame-origin goes with --web, the pages that others may show, which are off")
	case f.loginURL != "" && !goodLogin(f.loginURL):
		return usagef("--login-url %.60q: want a URL like https://login.example/emostream, without a user, or on this machine http://localhost:8080", text.ShownURL(f.loginURL))
	}
	if _, err := httpserve.ParseOrigins(f.framers); err != nil {
		return usagef("--frame-origin: %w", err)
	}
	for _, origin := range f.framers {
		u, err := url.Parse(origin)
		if err == nil && origin != "*" {
			_, err = httpserve.ParseHost(u.Hostname())
		}
		if err != nil {
			return usagef("--frame-origin: %w", err)
		}
	}
	return nil
}

// goodLogin says whether people may be sent to a URL for a token: where the token comes
// from must not be forged on the way.
func goodLogin(given string) bool {
	u, err := url.Parse(given)
	if err != nil || u.Host == "" || u.User != nil {
		return false
	}
	host := strings.ToLower(u.Hostname())
	ip, err := netip.ParseAddr(host)
	isLocal := httpserve.IsLocalhost(host) || err == nil && ip.IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && isLocal
}

// shown returns what the log tells of the pages, beside the base URL of the server.
func (f *webFlags) shown(base string) []any {
	if !f.on {
		return nil
	}
	return []any{"page", pageOf(base)}
}

// pageOf returns the URL of the page to tap on, of a base URL.
func pageOf(base string) string { return strings.TrimRight(base, "/") + "/" }
