package hostile

import (
	"net"
	"net/netip"
)

// Network gives clients their addresses.
type Network struct {
	// Forwarded is set where clients have no addresses of their own: then they are told
	// apart by X-Forwarded-For, and the servers trust it.
	Forwarded bool
}

// prefix is the network of a Network: all its addresses are of this machine.
const prefix = "10.77.0.1/16"

// Server returns the address that servers listen on.
func (n Network) Server() netip.Addr {
	if n.Forwarded {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.AddrFrom4([4]byte{10, 77, 0, 1})
}

// Person returns the address of a well-behaved client.
func (n Network) Person(nth int) Address {
	return Address{netip.AddrFrom4([4]byte{10, 77, byte(1 + nth/250), byte(1 + nth%250)}), n.Forwarded}
}

// Attacker returns the address of an attack.
func (n Network) Attacker(nth int) Address {
	return Address{netip.AddrFrom4([4]byte{10, 77, 200, byte(1 + nth)}), n.Forwarded}
}

// Address is where a client comes from.
type Address struct {
	IP netip.Addr
	// Forwarded is set if the address stands in X-Forwarded-For alone.
	Forwarded bool
}

// Dialer returns a dialer whose connections come from the address.
func (a Address) Dialer() *net.Dialer {
	d := &net.Dialer{Timeout: answerTimeout}
	if !a.Forwarded {
		d.LocalAddr = &net.TCPAddr{IP: a.IP.AsSlice()}
	}
	return d
}

// Header returns the line of a request that tells the address; empty: the connection does.
func (a Address) Header() string {
	if !a.Forwarded {
		return ""
	}
	return "X-Forwarded-For: " + a.IP.String() + "\r\n"
}
