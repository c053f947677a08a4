package httpserve

import "net/netip"

// portOwner knows one likely owner: macOS uses port 5000 for AirPlay. For all other
// ports it returns "".
func portOwner(addr netip.AddrPort) string {
	if addr.Port() != 5000 {
		return ""
	}
	return "the AirPlay Receiver, most likely, which macOS starts on this port by default " +
		"(System Settings > General > AirDrop & Handoff turns it off)"
}
