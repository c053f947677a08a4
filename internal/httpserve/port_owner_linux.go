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

// portOwner returns the process that listens on addr, or on a wider address that
// includes it, such as 0.0.0.0. The kernel lists the inodes of listening sockets, and
// the owner has a file that links to such an inode. Only root can read the files of
// other users' processes; without root it returns "" for these.
func portOwner(addr netip.AddrPort) string {
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			continue // for example, the kernel has no IPv6
		}
		for line := range strings.Lines(string(text)) {
			if inode, ok := listeningInode(line, addr); ok {
				sockets["socket:["+inode+"]"] = true
			}
		}
	}
	if len(sockets) == 0 {
		return ""
	}
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*") // Glob fails only for a malformed pattern
	for _, file := range files {
		// A file or process that has gone since is not the owner.
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

// listeningInode parses one line of /proc/net/tcp. If the line is a socket in state
// LISTEN whose address conflicts with addr, it returns the socket's inode.
func listeningInode(line string, addr netip.AddrPort) (inode string, ok bool) {
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
	// The kernel prints the address as 32-bit words in the machine's byte order.
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
