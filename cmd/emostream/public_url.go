package main

import (
	"fmt"
	"net"
	"regexp"
	"strings"
)

// publicURL is what clients reach a listener under: what was told, or the
// address itself unless that is a wildcard.
func publicURL(told string, ln net.Listener) (string, error) {
	if told != "" {
		if !strings.HasPrefix(told, "http://") && !strings.HasPrefix(told, "https://") {
			return "", usagef("--public-url %.60q: it begins with http:// or https://", told)
		}
		return strings.TrimSuffix(told, "/"), nil
	}
	addr, ok := ln.Addr().(*net.TCPAddr)
	if !ok || addr.IP.IsUnspecified() {
		return "", usagef("--listen %v is open on every address: give --public-url, the base URL that clients reach this server under", ln.Addr())
	}
	return fmt.Sprintf("http://%v", addr), nil
}

// publicBase is a URL to which a port can be added.
var publicBase = regexp.MustCompile(`^https?://([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])$`)

// unspecified says whether a host means every address.
func unspecified(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

// urlOf is the base URL that clients reach a listener under.
func (f *upFlags) urlOf(ln net.Listener) string {
	if _, port, err := net.SplitHostPort(ln.Addr().String()); err == nil && f.subscribe.publicURL != "" {
		return f.subscribe.publicURL + ":" + port
	}
	return "http://" + ln.Addr().String()
}
