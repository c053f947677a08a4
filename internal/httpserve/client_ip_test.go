package httpserve_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/httpserve"
)

func TestParseProxies(t *testing.T) {
	for in, ok := range map[string]bool{
		"10.0.0.0/8": true, "10.1.2.3/8": true, "192.0.2.1": true, "fd00::/8": true, "::1": true, "0.0.0.0/0": true, "::ffff:10.0.0.1": true,
		"": false, "10.0.0.0/33": false, "10.0.0": false, "localhost": false, "10.0.0.0-10.0.0.9": false, "fe80::1%eth0": false, "::ffff:10.0.0.0/104": false,
	} {
		if _, err := httpserve.ParseProxies([]string{in}); (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "like 10.0.0.0/8") {
			t.Errorf("ParseProxies(%q) = %v, want %v", in, err, ok)
		}
	}
}

func TestClientIP(t *testing.T) {
	trusted := []string{"10.0.0.0/8", "fd00::/8", "192.0.2.9"}
	for name, tt := range map[string]struct {
		trusted   []string
		peer      string
		forwarded []string
		want      string
	}{
		"nobody is trusted":                {nil, "10.0.0.1:9", []string{"203.0.113.5"}, "10.0.0.1"},
		"a stranger is not believed":       {trusted, "198.51.100.7:9", []string{"203.0.113.5"}, "198.51.100.7"},
		"a proxy is":                       {trusted, "10.0.0.1:9", []string{"203.0.113.5"}, "203.0.113.5"},
		"a single one, too":                {trusted, "192.0.2.9:9", []string{"203.0.113.5"}, "203.0.113.5"},
		"its neighbour is not":             {trusted, "192.0.2.8:9", []string{"203.0.113.5"}, "192.0.2.8"},
		"what a client claims":             {trusted, "10.0.0.1:9", []string{"1.2.3.4, 203.0.113.5"}, "203.0.113.5"},
		"claims to be one of us":           {trusted, "10.0.0.1:9", []string{"10.9.9.9, 203.0.113.5"}, "203.0.113.5"},
		"proxies in a row":                 {trusted, "10.0.0.1:9", []string{"1.2.3.4, 203.0.113.5, 10.0.0.3,10.0.0.2"}, "203.0.113.5"},
		"several headers":                  {trusted, "10.0.0.1:9", []string{"1.2.3.4", "203.0.113.5", "10.0.0.2"}, "203.0.113.5"},
		"all are ours":                     {trusted, "10.0.0.1:9", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"a proxy that tells nothing":       {trusted, "10.0.0.1:9", nil, "10.0.0.1"},
		"an empty header":                  {trusted, "10.0.0.1:9", []string{""}, "10.0.0.1"},
		"a proxy that tells nonsense":      {trusted, "10.0.0.1:9", []string{"203.0.113.5, unknown"}, "10.0.0.1"},
		"nonsense further away":            {trusted, "10.0.0.1:9", []string{"unknown, 203.0.113.5"}, "203.0.113.5"},
		"an empty hop":                     {trusted, "10.0.0.1:9", []string{"203.0.113.5,"}, "10.0.0.1"},
		"with a port":                      {trusted, "10.0.0.1:9", []string{"203.0.113.5:4711"}, "203.0.113.5"},
		"IPv6":                             {trusted, "[fd00::1]:9", []string{"2001:db8::5"}, "2001:db8::5"},
		"IPv6 with a port":                 {trusted, "[fd00::1]:9", []string{"[2001:db8::5]:4711"}, "2001:db8::5"},
		"IPv6 in brackets":                 {trusted, "[fd00::1]:9", []string{"[2001:db8::5]"}, "2001:db8::5"},
		"IPv4 in IPv6":                     {trusted, "[::ffff:10.0.0.1]:9", []string{"::ffff:203.0.113.5"}, "203.0.113.5"},
		"an address with a zone":           {trusted, "[fe80::1%eth0]:9", nil, "fe80::1"},
		"an address that is none":          {trusted, "@", []string{"203.0.113.5"}, ""},
		"a hop with a zone is the network": {trusted, "10.0.0.1:9", []string{"fe80::1%eth0"}, "fe80::1"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := httpserve.ParseProxies(tt.trusted)
			if err != nil {
				t.Fatal(err)
			}
			want := netip.Addr{}
			if tt.want != "" {
				want = netip.MustParseAddr(tt.want)
			}
			if got := p.ClientIP(&http.Request{RemoteAddr: tt.peer, Header: http.Header{"X-Forwarded-For": tt.forwarded}}); got != want {
				t.Errorf("came from %v, want %v", got, want)
			}
		})
	}
}

func TestClientNetwork(t *testing.T) {
	for in, want := range map[string]string{
		"203.0.113.5": "203.0.113.5", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "2001:db8:1:2::9": "2001:db8:1:2::", "::1": "::1",
	} {
		if got := httpserve.ClientNetwork(netip.MustParseAddr(in)); got.String() != want {
			t.Errorf("ClientNetwork(%s) = %v, want %s", in, got, want)
		}
	}
	if got := httpserve.ClientNetwork(netip.Addr{}); got.IsValid() {
		t.Errorf("the network of no address is %v", got)
	}
}

func FuzzForwarded(f *testing.F) {
	for _, s := range []string{"203.0.113.5", "1.2.3.4, 10.0.0.2", ",,,", "[::1]:5", "unknown", " 10.0.0.1 , ,", "[[::1]]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		p := httpserve.Proxies{netip.MustParsePrefix("10.0.0.0/8")}
		got := p.ClientIP(&http.Request{RemoteAddr: "10.0.0.1:9", Header: http.Header{"X-Forwarded-For": {header}}})
		if !got.IsValid() || got.Zone() != "" || got.Is4In6() {
			t.Errorf("%q: came from %v", header, got)
		}
	})
}
