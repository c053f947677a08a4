package httpserve

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// LoopbackHost protects a server on a loopback address from DNS rebinding. In that
// attack a web page makes its own name resolve to 127.0.0.1, so that the user's browser
// takes this server for a part of the page's origin. Only the Host header shows the
// difference.
//
// If addr, at which the server listens, is a loopback address, LoopbackHost serves only
// requests whose host is localhost, a name under localhost, or a loopback address, on
// any port. It refuses all others with 403, code host_not_allowed. If addr is another
// address, it returns next itself, since the operator decides which names lead there.
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

// isLoopbackHost says whether a Host header, with or without a port, is for this
// machine itself.
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
