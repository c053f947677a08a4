package httpserve_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/httpserve"
)

// ownerOf tries to bind a taken address, and returns the owner in the error.
func ownerOf(t *testing.T, host, port string) string {
	t.Helper()
	ln, err := httpserve.Listen(t.Context(), net.JoinHostPort(host, port))
	if err == nil {
		_ = ln.Close()
	}
	failed, ok := errors.AsType[*httpserve.ListenError](err)
	if !ok || !failed.InUse() {
		t.Fatalf("Listen = %v, want a taken port", err)
	}
	return failed.Owner
}

// named returns the text for a process that runs this test's program.
func named(t *testing.T, pid int) string {
	t.Helper()
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s (pid %d)", strings.TrimSpace(string(comm)), pid)
}

// On Linux the error names the process that holds the port, whichever conflicting
// address that process has bound.
func TestListenNamesTheOwner(t *testing.T) {
	for name, tt := range map[string]struct{ held, wanted string }{
		"the same address":            {"127.0.0.1", "127.0.0.1"},
		"every address is held":       {"0.0.0.0", "127.0.0.1"},
		"every address is wanted":     {"127.0.0.1", "0.0.0.0"},
		"every address of both kinds": {"", "127.0.0.1"},
		"no address at all is wanted": {"127.0.0.1", ""},
		"IPv6":                        {"::1", "::1"},
	} {
		t.Run(name, func(t *testing.T) {
			ln, err := httpserve.Listen(t.Context(), net.JoinHostPort(tt.held, "0"))
			if err != nil {
				t.Skipf("this machine has no such address: %v", err)
			}
			defer func() { _ = ln.Close() }()
			_, port, err := net.SplitHostPort(ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			if got, want := ownerOf(t, tt.wanted, port), named(t, os.Getpid()); got != want {
				t.Errorf("owner %q, want %q", got, want)
			}
		})
	}
}

// holdEnv, if set, makes TestHold hold a port.
const holdEnv = "HTTPSERVE_TEST_HOLD"

// TestHold runs in the other process of TestListenTellsNeighboursApart. It holds a port
// until its input ends.
func TestHold(t *testing.T) {
	host := os.Getenv(holdEnv)
	if host == "" {
		t.Skip("part of TestListenTellsNeighboursApart")
	}
	ln, err := httpserve.Listen(t.Context(), net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	fmt.Println(ln.Addr().(*net.TCPAddr).Port)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// If two processes hold the same port on two addresses, the error names the right one.
func TestListenTellsNeighboursApart(t *testing.T) {
	other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHold$")
	other.Env = append(os.Environ(), holdEnv+"=127.0.0.2")
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = in.Close()
		_ = other.Process.Kill() // it would take long to end by itself
		_ = other.Wait()
	}()
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	port = strings.TrimSpace(port)
	ln, err := httpserve.Listen(t.Context(), net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		t.Skipf("the port is taken here: %v", err)
	}
	defer func() { _ = ln.Close() }()
	for host, pid := range map[string]int{"127.0.0.1": os.Getpid(), "127.0.0.2": other.Process.Pid} {
		if got, want := ownerOf(t, host, port), named(t, pid); got != want {
			t.Errorf("owner of %s: %q, want %q", host, got, want)
		}
	}
}
