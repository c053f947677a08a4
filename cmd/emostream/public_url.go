package main

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	"github.com/emostream/emostream/internal/wire"
)

// publicURL returns the base URL under which clients reach the server on ln. That is
// given, the value of --public-url, or else the address of ln. It fails if given is
// empty and ln is open on every address.
func publicURL(given string, ln net.Listener) (string, error) {
	if given != "" {
		if !strings.HasPrefix(given, "http://") && !strings.HasPrefix(given, "https://") {
			return "", usagef("--public-url %.60q: it begins with http:// or https://", given)
		}
		if u, err := url.Parse(given); err != nil || u.Hostname() == "" || u.User != nil {
			return "", usagef("--public-url: want http://host or https://host, without a user and password: all clients are told of it")
		}
		if err := wire.CheckServerURL(given); err != nil {
			return "", usagef("--public-url: %w", err)
		}
		return strings.TrimSuffix(given, "/"), nil
	}
	addr, ok := ln.Addr().(*net.TCPAddr)
	if !ok || addr.IP.IsUnspecified() {
		return "", usagef("--listen %v is open on every address: give --public-url, the base URL that clients reach this server under", ln.Addr())
	}
	return fmt.Sprintf("http://%v", addr), nil
}

// publicBase matches a URL without a port. up adds the port of each server.
var publicBase = regexp.MustCompile(`^https?://([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])$`)

// unspecified says whether a host stands for all addresses of the machine.
func unspecified(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

// checkPublicURL says what is wrong with --public-url of up, or with its absence.
func (f *upFlags) checkPublicURL() error {
	switch {
	case f.subscribe.publicURL == "" && unspecified(f.host):
		return usagef("--host %s is open on every address: give --public-url, like http://host, which clients reach this machine under", f.host)
	case f.subscribe.publicURL != "" && !publicBase.MatchString(f.subscribe.publicURL):
		return usagef("--public-url %.60q: want http://host or https://host, without a port", f.subscribe.publicURL)
	}
	return nil
}

// urlOf returns the base URL under which clients reach the server on ln: --public-url
// with the port of ln, or else the address of ln.
func (f *upFlags) urlOf(ln net.Listener) string {
	if _, port, err := net.SplitHostPort(ln.Addr().String()); err == nil && f.subscribe.publicURL != "" {
		return f.subscribe.publicURL + ":" + port
	}
	return "http://" + ln.Addr().String()
}
