package main

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
)

// publicURL returns the base URL under which clients reach the server on ln. That is
// given, the value of --public-url, or else the address of ln. It fails if given is
// empty and ln is open on every address.
func publicURL(given string, ln net.Listener, https httpsFlags) (string, error) {
	if given != "" {
		if wrong := wrongBase(given); wrong != "" {
			return "", usagef("--public-url %.60q %s: want it like http://host:5001 or https://sub1.emo.example, to which clients add /v1/swarm", text.ShownURL(given), wrong)
		}
		if err := wire.CheckServerURL(given); err != nil {
			return "", usagef("--public-url: %w", err)
		}
		if err := https.checkPublicURL(given); err != nil {
			return "", err
		}
		return strings.TrimRight(given, "/"), nil
	}
	addr, ok := ln.Addr().(*net.TCPAddr)
	if !ok || addr.IP.IsUnspecified() {
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		return "", usagef("--listen :%s is open on every address: give --public-url, the base URL that clients reach this server under", port)
	}
	return https.urlAt(addr.String()), nil
}

// wrongBase says what is wrong with a URL that others are told and add paths to; empty if
// nothing is.
func wrongBase(given string) string {
	u, err := url.Parse(given)
	switch {
	case !strings.HasPrefix(given, "http://") && !strings.HasPrefix(given, "https://"):
		return "does not begin with http:// or https://"
	case err != nil:
		return "is no URL"
	case u.Hostname() == "":
		return "names no host"
	case u.User != nil:
		return "has a user, and all clients are told of it"
	case u.RawQuery != "" || u.ForceQuery:
		return "has a query"
	case strings.Contains(given, "#"):
		return "has a fragment"
	}
	return ""
}

// urlAt returns the base URL of the server at an address, host:port. A zone of IPv6 is
// written as URLs have it. A server that is open on every address is at that of loopback,
// too, which can be opened.
func urlAt(addr string) string {
	if host, port, err := net.SplitHostPort(addr); err == nil && unspecified(host) {
		addr = net.JoinHostPort("127.0.0.1", port)
	}
	return (&url.URL{Scheme: "http", Host: addr}).String()
}

// publicBase matches a URL without a port. up adds the port of each server.
var publicBase = regexp.MustCompile(`^https?://([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])$`)

// bareHost returns a host without the brackets that IPv6 has in URLs.
func bareHost(host string) string {
	if inner, ok := strings.CutPrefix(host, "["); ok && strings.HasSuffix(inner, "]") {
		return strings.TrimSuffix(inner, "]")
	}
	return host
}

// checkHost refuses a --host that is not a host alone.
func checkHost(host string) error {
	if _, err := netip.ParseAddr(host); err != nil && strings.ContainsAny(host, ":/[] ") {
		return usagef("--host %.60q: want a name or an IP address like 127.0.0.1 or ::, and the port as --port", host)
	}
	return nil
}

// unspecified says whether a host stands for all addresses of the machine.
func unspecified(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

// checkPublicURL says what is wrong with --public-url of up, or with its absence.
func (f *upFlags) checkPublicURL() error {
	given := f.subscribe.publicURL
	switch {
	case given == "" && unspecified(f.host):
		return usagef("--host %s is open on every address: give --public-url, like http://host, which clients reach this machine under", f.host)
	case given == "" || publicBase.MatchString(given):
		return f.https.checkPublicURL(given)
	}
	wrong := wrongBase(given)
	if wrong == "" {
		wrong = "has more than a host"
	}
	return usagef("--public-url %.60q %s: want http://host or https://host, without a port", text.ShownURL(given), wrong)
}

// urlOf returns the base URL under which clients reach the server on ln: --public-url
// with the port of ln, or else the address of ln. A zone of IPv6 is taken from --host,
// since the system does not say it again.
func (f *upFlags) urlOf(ln net.Listener) string {
	_, port, err := net.SplitHostPort(ln.Addr().String())
	switch {
	case err != nil:
	case f.subscribe.publicURL != "":
		return f.subscribe.publicURL + ":" + port
	case strings.Contains(f.host, "%"):
		return f.https.urlAt(net.JoinHostPort(f.host, port))
	}
	return f.https.urlAt(ln.Addr().String())
}
