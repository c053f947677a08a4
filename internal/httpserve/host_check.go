package httpserve

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/emostream/emostream/internal/text/quote"
)

// HostCheck protects a server from DNS rebinding. In that attack a web page makes its
// own name resolve to the server's address, so that the user's browser takes the server
// for a part of the page's origin. Only the Host header shows the difference.
//
// These requests are served; all others are refused with 403 (over HTTP/2 with 421), code
// host_not_allowed:
//   - those for one of Names;
//   - those for localhost or a name under it, which nobody can make resolve elsewhere;
//   - those for an IP address, since rebinding needs a name. A server that listens on a
//     loopback address serves only those for loopback addresses;
//   - those without a Host, which HTTP/1.0 allows: health checks of load balancers send
//     such requests, and browsers never do.
//
// A host may have any port.
type HostCheck struct {
	Names []string // host names, as [ParseHost] returns them
	All   bool     // serve requests for every host
	// Advice says what the operator does to have another host served. It ends the
	// message of a refusal.
	Advice string
	Logger *slog.Logger // is told of the first refusal; default: none
}

// ParseHost returns a host name or an IP address in the form that [HostCheck] compares.
func ParseHost(s string) (string, error) {
	h := canonicalHost(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if _, err := netip.ParseAddr(h); err != nil && !isHostName(h) {
		return "", fmt.Errorf("%s is no host: want a name or an IP address without a port, as in emo.example", quote.Text(s, 60))
	}
	return h, nil
}

// isHostName says whether h consists of labels as DNS has them, in lower case.
func isHostName(h string) bool {
	for label := range strings.SplitSeq(h, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return len(h) <= 253
}

// Wrap returns a handler that passes to next what a server that listens on addr serves.
func (c HostCheck) Wrap(next http.Handler, addr net.Addr) http.Handler {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || c.All {
		return next
	}
	var first sync.Once
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.serves(r.Host, tcp.IP.IsLoopback()) {
			next.ServeHTTP(w, r)
			return
		}
		if c.Logger != nil {
			first.Do(func() {
				c.Logger.Warn("a request for a host that is not served was refused", "host", fmt.Sprintf("%.64s", r.Host), "from", r.RemoteAddr)
			})
		}
		use := "localhost or the address of this server"
		if tcp.IP.IsLoopback() {
			use = scheme(r) + "://" + addr.String() + " or localhost"
		}
		message := fmt.Sprintf("host %s is not served here, so that no web page can reach this server under a name of its own: use %s", quote.Text(r.Host, 64), use)
		if c.Advice != "" {
			message += ", or " + c.Advice
		}
		status := http.StatusForbidden
		if r.ProtoMajor >= 2 {
			status = http.StatusMisdirectedRequest // a browser then asks the right server, which has the same certificate
		}
		Refusalf(status, "host_not_allowed", "%s", message).ServeHTTP(w, r)
	})
}

// scheme returns the scheme of the URL that a request was for.
func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// serves says whether a request with this Host header is served.
func (c HostCheck) serves(header string, onLoopback bool) bool {
	if header == "" {
		return true
	}
	host := hostOf(header)
	if slices.Contains(c.Names, host) || IsLocalhost(host) {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && (!onLoopback || ip.IsLoopback())
}

// IsLocalhost says whether a host name, in lower case, means the machine itself to every
// browser (RFC 6761).
func IsLocalhost(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// hostOf returns the host of a Host header, which may have a port.
func hostOf(header string) string {
	host := header
	if name, _, err := net.SplitHostPort(header); err == nil {
		host = name
	} else if inner, ok := strings.CutPrefix(header, "["); ok {
		host = strings.TrimSuffix(inner, "]")
	}
	return canonicalHost(host)
}

// canonicalHost returns the one form in which hosts are compared.
func canonicalHost(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().String()
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
