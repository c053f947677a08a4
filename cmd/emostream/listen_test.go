package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/httpserve"
)

// The error of an address that cannot be bound names the flag that sets the address. If
// the address is taken, it also names a command that works.
func TestAddressErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		err  addressError
		want string
	}{
		"a privileged port": {
			addressError{&httpserve.ListenError{Addr: "127.0.0.1:80", Err: fs.ErrPermission}, "--listen", ""},
			"address 127.0.0.1:80 (--listen) is not permitted: ports below 1024 are for privileged processes; choose another with --listen",
		},
		"with a hint": {
			addressError{&httpserve.ListenError{Addr: "192.0.2.1:5000", Err: errors.New("no such address")}, "--port", "emostream up"},
			"address 192.0.2.1:5000 (--port) cannot be listened on: no such address; choose another with --port, for example: emostream up",
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

func TestTakenAddress(t *testing.T) {
	ln, err := listen(t.Context(), "127.0.0.1:0", "--port", "emostream up --port 5050")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	addr := ln.Addr().(*net.TCPAddr).String()
	_, err = listen(t.Context(), addr, "--port", "emostream up --port 5050")
	before, after, _ := strings.Cut(fmt.Sprint(err), " is already in use")
	if before != fmt.Sprintf("address %s (--port)", addr) || !strings.HasSuffix(after, "; choose another with --port, for example: emostream up --port 5050") {
		t.Errorf("error: %v", err)
	}
	if runtime.GOOS == "linux" && !strings.HasPrefix(after, " by this process itself, so that the ports of its settings overlap;") {
		t.Errorf("error: %v", err)
	}
	if exit, ok := errors.AsType[*exitError](err); !ok || exit.code != exitFailed {
		t.Errorf("error %v, want one with code %d", err, exitFailed)
	}
}

// A port alone is one on loopback.
func TestListenOnPort(t *testing.T) {
	ln, err := listen(t.Context(), "0", "--listen", "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	if addr := ln.Addr().String(); !strings.HasPrefix(addr, "127.0.0.1:") {
		t.Errorf("it listens on %s", addr)
	}
	_, err = listen(t.Context(), "localhost", "--listen", "")
	if err == nil || !strings.HasPrefix(err.Error(), "address localhost (--listen) cannot be listened on: ") {
		t.Errorf("without a port: %v", err)
	}
}
