package httpserve

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/text/quote"
)

// Proxies are the networks of trusted proxies. Their X-Forwarded-For headers are
// believed.
type Proxies []netip.Prefix

// ParseProxies parses a list of networks, such as 10.0.0.0/8, and single addresses.
func ParseProxies(list []string) (Proxies, error) {
	var out Proxies
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if addr, ok := netip.ParseAddr(s); ok == nil && addr.Zone() == "" {
			addr = addr.Unmap()
			p, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil || p.Addr().Is4In6() {
			return nil, fmt.Errorf("%s is not a network: want one like 10.0.0.0/8 or fd00::/8, or an address", quote.Text(s, 60))
		}
		out = append(out, p)
	}
	return out, nil
}

// ClientIP returns the address that a request came from. That is the address of its
// connection. If that belongs to a trusted proxy, it is the last address in
// X-Forwarded-For that does not. Addresses before that one are ignored, since the
// client itself may have written them. ClientIP returns the zero address if the request
// has no address.
func (p Proxies) ClientIP(r *http.Request) netip.Addr {
	client, ok := peerAddr(r)
	if !ok || !p.contains(client) {
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
				return client // the proxy that wrote this counts as the client
			}
			client = addr
			if !p.contains(client) {
				return client
			}
		}
	}
	return client
}

// BoundedIP returns the address to which a request counts in [Shares]. That is its
// ClientIP, or the zero address, which is not bounded, if that is a trusted proxy: a
// proxy that does not say for whom it asks may ask for many.
func (p Proxies) BoundedIP(r *http.Request) netip.Addr {
	if client := p.ClientIP(r); !p.contains(client) {
		return client
	}
	return netip.Addr{}
}

// peerAddr returns the address of a request's connection, if it has one.
func peerAddr(r *http.Request) (netip.Addr, bool) { return parsePeer(r.RemoteAddr) }

// parsePeer returns the address in s, which is an address with a port, without a zone. It
// returns false if s is none.
func parsePeer(s string) (netip.Addr, bool) {
	peer, err := netip.ParseAddrPort(s)
	return peer.Addr().Unmap().WithZone(""), err == nil
}

// FromLoopback says whether the peer of a request is on this machine.
func FromLoopback(r *http.Request) bool {
	peer, ok := peerAddr(r)
	return ok && peer.IsLoopback()
}

func (p Proxies) contains(a netip.Addr) bool {
	for _, network := range p {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

// parseHop parses an address, with or without a port.
func parseHop(s string) (netip.Addr, bool) {
	if at, ok := parsePeer(s); ok {
		return at, true
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	return a.Unmap().WithZone(""), err == nil
}

// ClientNetwork returns the address that stands for one client in quotas: an IPv4
// address itself, or the first 64 bits of an IPv6 address, since a client can use any
// address of such a network. An address on loopback stays one.
func ClientNetwork(a netip.Addr) netip.Addr {
	if !a.Is6() || a.Is4In6() || a.IsLoopback() {
		return a
	}
	network, err := a.Prefix(64)
	if err != nil {
		return a // cannot happen: every IPv6 address has 64 bits
	}
	return network.Addr()
}
