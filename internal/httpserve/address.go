package httpserve

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the networks whose word on where a request came from is taken.
type Proxies []netip.Prefix

// ParseProxies reads networks such as 10.0.0.0/8, and single addresses.
func ParseProxies(list []string) (Proxies, error) {
	var out Proxies
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if addr, ok := netip.ParseAddr(s); ok == nil && addr.Zone() == "" {
			addr = addr.Unmap()
			p, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil || p.Addr().Is4In6() {
			return nil, fmt.Errorf("%.60q is not a network: want one like 10.0.0.0/8 or fd00::/8, or an address", s)
		}
		out = append(out, p)
	}
	return out, nil
}

// Client is the address that a request came from: its connection's, unless that
// is a trusted proxy's; then the last in X-Forwarded-For that is not. What stands
// before it anybody may have written. The zero address is one that is not known.
func (p Proxies) Client(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	client := peer.Addr().Unmap().WithZone("")
	if !p.trust(client) {
		return client
	}
	for _, line := range slices.Backward(r.Header["X-Forwarded-For"]) {
		for line != "" {
			var hop string
			if i := strings.LastIndexByte(line, ','); i >= 0 {
				line, hop = line[:i], line[i+1:]
			} else {
				line, hop = "", line
			}
			addr, ok := parseHop(strings.TrimSpace(hop))
			if !ok {
				return client // a proxy that does not tell answers for it itself
			}
			client = addr
			if !p.trust(client) {
				return client
			}
		}
	}
	return client
}

func (p Proxies) trust(a netip.Addr) bool {
	for _, network := range p {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

// parseHop reads an address, with or without a port.
func parseHop(s string) (netip.Addr, bool) {
	if at, err := netip.ParseAddrPort(s); err == nil {
		return at.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	return a.Unmap().WithZone(""), err == nil
}

// Household is the network that one client is taken to have for itself: an IPv4
// address, and the first 64 bits of an IPv6 address, below which addresses are
// free for the taking.
func Household(a netip.Addr) netip.Addr {
	if !a.Is6() || a.Is4In6() {
		return a
	}
	network, err := a.Prefix(64)
	if err != nil {
		return a // an address with a zone or none at all: cannot be
	}
	return network.Addr()
}
