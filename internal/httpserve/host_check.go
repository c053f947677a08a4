package httpserve

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// LoopbackHost protects a server on a loopback address from DNS rebinding. There a
// web page makes its own name resolve to 127.0.0.1, so that the user's browser takes
// this server for the page's own origin; only the Host header shows the difference.
//
// If addr, which the server listens on, is a loopback address, only requests for the
// host localhost, a name under localhost, or a loopback address are served, on any
// port. Others are refused with 403, code host_not_allowed. On any other address
// LoopbackHost returns next itself, since the operator decides which names lead
// there.
func LoopbackHost(next http.Handler, addr net.Addr) http.Handler {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsLoopback() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isLoopbackHost(r.Host) {
			next.ServeHTTP(w, r)
			return
		}
		Refusalf(http.StatusForbidden, "host_not_allowed", "host %.64q is not served here: this server listens on a loopback address; "+
			"use http://%v or localhost, or make it listen on an address that others may reach", r.Host, addr).ServeHTTP(w, r)
	})
}

// isLoopbackHost judges a Host header, with or without a port.
func isLoopbackHost(host string) bool {
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
