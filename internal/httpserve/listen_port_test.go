package httpserve_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/emostream/emostream/internal/httpserve"
)

func TestListenOnAnyPort(t *testing.T) {
	ln, err := httpserve.Listen(t.Context(), "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	if addr := ln.Addr().(*net.TCPAddr); !addr.IP.IsLoopback() || addr.Port == 0 {
		t.Errorf("bound %v, want a loopback address with a port", addr)
	}
}

func TestListenOnTakenPort(t *testing.T) {
	ln, err := httpserve.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	addr := ln.Addr().String()

	_, err = httpserve.Listen(t.Context(), addr)
	failed, ok := errors.AsType[*httpserve.ListenError](err)
	if !ok || !failed.InUse() {
		t.Fatalf("Listen = %v, want a taken port", err)
	}
	owner := failed.Owner
	failed.Owner = ""
	want := fmt.Sprintf("address %s is already in use", addr)
	if got := err.Error(); got != want {
		t.Errorf("error:\n got %s\nwant %s", got, want)
	}
	failed.Owner = "python3 (pid 4242)"
	want = fmt.Sprintf("address %s is already in use by python3 (pid 4242)", addr)
	if got := err.Error(); got != want {
		t.Errorf("error:\n got %s\nwant %s", got, want)
	}
	if self := fmt.Sprintf("(pid %d)", os.Getpid()); owner != "" && !strings.HasSuffix(owner, self) {
		t.Errorf("owner %q, want this process, %s", owner, self)
	}
}

func TestListenErrors(t *testing.T) {
	at := func(port int, err error) error {
		return &net.OpError{Op: "listen", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}, Err: os.NewSyscallError("bind", err)}
	}
	for name, tt := range map[string]struct {
		err  httpserve.ListenError
		want string
	}{
		"a privileged port": {
			httpserve.ListenError{Addr: "127.0.0.1:80", Err: at(80, syscall.EACCES)},
			"address 127.0.0.1:80 is not permitted: ports below 1024 are for privileged processes",
		},
		"a port that the system keeps": {
			httpserve.ListenError{Addr: "127.0.0.1:5000", Err: at(5000, fs.ErrPermission)},
			"address 127.0.0.1:5000 is not permitted: the system keeps this port from the process",
		},
		"anything else": {
			httpserve.ListenError{Addr: "192.0.2.1:5000", Err: at(5000, errors.New("no such address"))},
			"address 192.0.2.1:5000 cannot be listened on: bind: no such address",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tt.err.Error(); got != tt.want {
				t.Errorf("error:\n got %s\nwant %s", got, tt.want)
			}
			if !errors.Is(&tt.err, tt.err.Err) {
				t.Error("what the system said is not in the chain")
			}
		})
	}
}

func TestListenOnNonsense(t *testing.T) {
	for _, addr := range []string{"5000", "127.0.0.1:70000", "127.0.0.1:http-alt-nonsense"} {
		_, err := httpserve.Listen(t.Context(), addr)
		failed, ok := errors.AsType[*httpserve.ListenError](err)
		if !ok || failed.InUse() || failed.Owner != "" || strings.Count(err.Error(), addr) == 0 {
			t.Errorf("Listen(%q) = %v, want an error that names the address", addr, err)
		}
	}
}
