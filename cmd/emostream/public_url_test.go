package main

import (
	"net"
	"testing"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/wire"
)

// listenerAt is a listener that has an address, and accepts nothing.
type listenerAt struct {
	net.Listener
	addr string
}

func (l listenerAt) Addr() net.Addr {
	addr, err := net.ResolveTCPAddr("tcp", l.addr)
	if err != nil {
		panic(err)
	}
	return addr
}

// Whatever --host is, with brackets or without, clients are told a URL that they can use.
func TestURLOf(t *testing.T) {
	for host, tt := range map[string]struct{ public, bound, want string }{
		"127.0.0.1":      {"", "127.0.0.1:5000", "http://127.0.0.1:5000"},
		"[::1]":          {"", "[::1]:5000", "http://[::1]:5000"},
		"::1":            {"", "[::1]:5000", "http://[::1]:5000"},
		"fe80::1%eth0":   {"", "[fe80::1]:5000", "http://[fe80::1%25eth0]:5000"},
		"[fe80::1%eth0]": {"", "[fe80::1]:5000", "http://[fe80::1%25eth0]:5000"},
		"[::]":           {"https://emo.example", "[::]:5000", "https://emo.example:5000"},
		"0.0.0.0":        {"http://[2001:db8::1]", "0.0.0.0:5000", "http://[2001:db8::1]:5000"},
	} {
		f := upFlags{host: bareHost(host)}
		f.subscribe.publicURL = tt.public
		if err := checkHost(f.host); err != nil {
			t.Errorf("--host %s: %v", host, err)
		}
		if err := f.checkPublicURL(); err != nil {
			t.Errorf("--host %s: %v", host, err)
		}
		got := f.urlOf(listenerAt{addr: tt.bound})
		if got != tt.want {
			t.Errorf("--host %s: %s, want %s", host, got, tt.want)
		}
		if err := wire.CheckServerURL(got); err != nil {
			t.Errorf("%s: %v", got, err)
		}
		if err := (&client.Client{Server: got}).Check(); err != nil {
			t.Errorf("%s: %v", got, err)
		}
	}
}

// The URL of a server that is open on every address can be opened.
func TestURLAt(t *testing.T) {
	for addr, want := range map[string]string{
		"[::]:23999":    "http://127.0.0.1:23999",
		"0.0.0.0:23999": "http://127.0.0.1:23999",
		":23999":        "http://127.0.0.1:23999",
		"[::1]:5000":    "http://[::1]:5000",
		"emo:5000":      "http://emo:5000",
	} {
		if got := urlAt(addr); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}
