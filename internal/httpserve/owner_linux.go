package httpserve

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/emostream/emostream/internal/text"
)

// owner finds the process that listens on addr, or on a wider address that
// includes it. The kernel tells the socket's inode, and the process that has it
// open shows it among its files; those of other users are only root's to see.
func owner(addr netip.AddrPort) string {
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			continue // a kernel without IPv6, say
		}
		for line := range strings.Lines(string(text)) {
			if inode, ok := listens(line, addr); ok {
				sockets["socket:["+inode+"]"] = true
			}
		}
	}
	if len(sockets) == 0 {
		return ""
	}
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*") // its only error is a bad pattern
	for _, file := range files {
		// A file or a process that is gone by now is not the one.
		if target, err := os.Readlink(file); err != nil || !sockets[target] {
			continue
		}
		process := filepath.Dir(filepath.Dir(file))
		comm, err := os.ReadFile(filepath.Join(process, "comm"))
		if err != nil {
			continue
		}
		return fmt.Sprintf("%s (pid %s)", text.Clean(strings.TrimSpace(string(comm))), filepath.Base(process))
	}
	return ""
}

// listens reads one line of /proc/net/tcp: if it is a socket in state LISTEN
// that stands in the way of addr, it returns the socket's inode.
func listens(line string, addr netip.AddrPort) (inode string, ok bool) {
	const localAddress, state, inodeColumn = 1, 3, 9
	columns := strings.Fields(line)
	if len(columns) <= inodeColumn || columns[state] != "0A" {
		return "", false
	}
	ip, port, _ := strings.Cut(columns[localAddress], ":")
	if port != fmt.Sprintf("%04X", addr.Port()) {
		return "", false
	}
	local, err := hex.DecodeString(ip)
	if err != nil || len(local)%4 != 0 {
		return "", false
	}
	// The kernel prints the address as words in the machine's byte order.
	for i := 0; i < len(local); i += 4 {
		binary.BigEndian.PutUint32(local[i:], binary.NativeEndian.Uint32(local[i:]))
	}
	held, ok := netip.AddrFromSlice(local)
	if !ok {
		return "", false
	}
	held = held.Unmap()
	wide := held.IsUnspecified() || !addr.Addr().IsValid() || addr.Addr().IsUnspecified()
	return columns[inodeColumn], wide || held == addr.Addr().WithZone("")
}
