package httpserve

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// LoopbackHost keeps the pages of the web out of a server that listens on a
// loopback address: a page whose own name its owner points at 127.0.0.1 (DNS
// rebinding) is, to the browser, of the same origin as this server, and only the
// Host header tells. So there a request is served only if its Host is localhost,
// a name under it, or a loopback address, whatever the port; any other gets 403,
// code host_not_allowed. On any other address, ln, what names lead here is the
// operator's business: next is returned as it is.
func LoopbackHost(next http.Handler, ln net.Addr) http.Handler {
	tcp, ok := ln.(*net.TCPAddr)
	if !ok || !tcp.IP.IsLoopback() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isLoopback(r.Host) {
			next.ServeHTTP(w, r)
			return
		}
		Problemf(http.StatusForbidden, "host_not_allowed", "host %.64q is not served here: this server listens on a loopback address; "+
			"use http://%v or localhost, or make it listen on an address that others may reach", r.Host, ln).ServeHTTP(w, r)
	})
}

// isLoopback judges a Host header, with or without a port.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().IsLoopback()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
