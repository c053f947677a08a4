package httpserve_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/httpserve"
)

// The pages of a server are invited under the names by which people open them, and those
// of other servers are not, whatever address or port they have.
func TestPagesOfAServer(t *testing.T) {
	own := ownAddress(t)
	tcp := func(addr string) net.Addr {
		a, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for name, tt := range map[string]struct {
		server  httpserve.PageServer
		invited []string
		others  []string
	}{
		"loopback": {
			httpserve.PageServer{Addr: tcp("127.0.0.1:5000"), Scheme: "http", PublicURL: "http://127.0.0.1:5000"},
			[]string{"http://127.0.0.1:5000", "http://localhost:5000", "http://emo.localhost:5000"},
			[]string{"http://127.0.0.1:5001", "http://localhost", "http://localhost:8080", "https://localhost:5000", "http://127.0.0.2:5000", "http://[::1]:5000", "http://" + own + ":5000", "http://203.0.113.7:5000", "http://evil.example:5000", "http://localhost.evil.example:5000", "http://localhost:5000/", "http://a@localhost:5000", "http://", "null", ""},
		},
		"loopback, IPv6": {
			httpserve.PageServer{Addr: tcp("[::1]:5000"), Scheme: "http", PublicURL: "http://[::1]:5000"},
			[]string{"http://[::1]:5000", "http://localhost:5000"},
			[]string{"http://127.0.0.1:5000", "http://[::2]:5000"},
		},
		"every address": {
			httpserve.PageServer{Addr: tcp("0.0.0.0:5000"), Scheme: "http", Names: []string{"emo.example"}, PublicURL: "http://emo.example:5000"},
			[]string{"http://emo.example:5000", "http://localhost:5000", "http://127.0.0.1:5000", "http://" + own + ":5000"},
			[]string{"http://emo.example", "http://emo.example:5001", "http://203.0.113.7:5000", "http://[::1]:5000", "http://evil.example:5000", "http://0.0.0.0:5000"},
		},
		"every address, IPv6 too": {
			httpserve.PageServer{Addr: tcp("[::]:5000"), Scheme: "http", PublicURL: "http://emo.example:5000"},
			[]string{"http://emo.example:5000", "http://127.0.0.1:5000", "http://[::1]:5000", "http://" + own + ":5000"},
			[]string{"http://203.0.113.7:5000", "http://[2001:db8::7]:5000"},
		},
		"one address": {
			httpserve.PageServer{Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 5000}, Scheme: "http", PublicURL: "http://192.0.2.7:5000"},
			[]string{"http://192.0.2.7:5000"},
			[]string{"http://localhost:5000", "http://127.0.0.1:5000", "http://192.0.2.8:5000"},
		},
		"HTTPS on the usual port": {
			httpserve.PageServer{Addr: tcp("0.0.0.0:443"), Scheme: "https", Names: []string{"emo.example"}, PublicURL: "https://emo.example:443"},
			[]string{"https://emo.example", "https://localhost", "https://127.0.0.1"},
			[]string{"http://emo.example", "https://emo.example:8443"},
		},
		"a proxy in front": {
			httpserve.PageServer{Addr: tcp("127.0.0.1:5000"), Scheme: "http", Names: []string{"emo.example"}, PublicURL: "https://emo.example"},
			[]string{"https://emo.example", "http://localhost:5000"},
			[]string{"https://emo.example:5000", "http://emo.example"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			one, err := httpserve.ParseOrigins([]string{"https://app.example"})
			if err != nil {
				t.Fatal(err)
			}
			o := one.WithPagesOf(tt.server)
			for _, origin := range append(tt.invited, "https://app.example") {
				if !o.Invite(origin) || !readable(o, origin) {
					t.Errorf("%s is not invited", origin)
				}
			}
			for _, origin := range tt.others {
				if o.Invite(origin) || readable(o, origin) {
					t.Errorf("%s is invited", origin)
				}
			}
		})
	}
}

// readable says whether a browser would let a page of an origin read an answer.
func readable(o httpserve.Origins, origin string) bool {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Origin", origin)
	httpserve.CORS(httpserve.NotFound(), o).ServeHTTP(w, r)
	h := w.Header()
	return origin != "" && h.Get("Access-Control-Allow-Origin") == origin && h.Get("Access-Control-Allow-Credentials") == "true" && strings.Contains(h.Get("Vary"), "Origin")
}

// ownAddress returns an address of this machine that is not loopback; else of none.
func ownAddress(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if p, ok := a.(*net.IPNet); ok && !p.IP.IsLoopback() && p.IP.To4() != nil {
			return p.IP.String()
		}
	}
	t.Skip("this machine has no address but loopback")
	return ""
}
