package httpserve

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
)

// PageServer is a server of this installation that hands out pages. They may use the other
// servers by whatever name the person has opened them, and need not be invited: see
// [Origins.WithPagesOf].
//
// The names are those by which the server is reached, and no others: --public-url and
// --allowed-host, localhost, and its IP addresses. An address of another machine is not
// one of them, though [HostCheck] would serve a request for it: anybody can have a page at
// an address of his own.
type PageServer struct {
	Addr      net.Addr // where it listens
	Scheme    string   // http or https
	Names     []string // host names, as [ParseHost] returns them
	PublicURL string   // the base URL that clients are told; it may have another scheme or port, of a proxy
}

// WithPagesOf returns origins that invite the pages of s, too.
func (o Origins) WithPagesOf(s PageServer) Origins {
	o.pages = &s
	return o
}

// has says whether an origin, as browsers write it, is one of the server's pages.
func (s *PageServer) has(origin string) bool {
	if s == nil {
		return false
	}
	u, err := url.Parse(origin)
	if err != nil || origin != u.Scheme+"://"+u.Host || u.Hostname() == "" {
		return false
	}
	if public, err := url.Parse(s.PublicURL); err == nil && sameOrigin(u, public) {
		return true
	}
	listens, ok := s.Addr.(*net.TCPAddr)
	return ok && u.Scheme == s.Scheme && portOf(u) == strconv.Itoa(listens.Port) && s.reachedBy(canonicalHost(u.Hostname()), listens.IP)
}

// reachedBy says whether host is one of this server that listens on an address.
func (s *PageServer) reachedBy(host string, listens net.IP) bool {
	if slices.Contains(s.Names, host) {
		return true
	}
	if IsLocalhost(host) {
		return listens.IsLoopback() || listens.IsUnspecified()
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	at, _ := netip.AddrFromSlice(listens)
	if at = at.Unmap(); !at.IsUnspecified() {
		return ip == at
	}
	return (ip.Is4() || at.Is6()) && (ip.IsLoopback() || ofThisMachine(ip))
}

// ofThisMachine says whether the machine has an address now. Machines get others while
// they run.
func ofThisMachine(ip netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(all, func(a net.Addr) bool {
		p, ok := a.(*net.IPNet)
		if !ok {
			return false
		}
		own, ok := netip.AddrFromSlice(p.IP)
		return ok && own.Unmap() == ip
	})
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && canonicalHost(a.Hostname()) == canonicalHost(b.Hostname()) && portOf(a) == portOf(b)
}

// portOf returns the port of a URL, also one that goes without saying.
func portOf(u *url.URL) string {
	switch port := u.Port(); {
	case port != "":
		return port
	case u.Scheme == "https":
		return "443"
	default:
		return "80"
	}
}
