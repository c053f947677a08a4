package httpserve

import "net/netip"

// owner knows one usual suspect: macOS takes port 5000 for AirPlay.
func owner(addr netip.AddrPort) string {
	if addr.Port() != 5000 {
		return ""
	}
	return "the AirPlay Receiver, most likely, which macOS starts on this port by default " +
		"(System Settings > General > AirDrop & Handoff turns it off)"
}
