package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/proof/contract/contracttest"
	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server"
	"github.com/emostream/emostream/server/access/accesstest"
	"github.com/emostream/emostream/server/fanout"
	"github.com/emostream/emostream/server/ingest"
	"github.com/emostream/emostream/server/registry"
)

// logFunc is a log whose Append calls the function.
type logFunc func(ctx context.Context, records []stream.Record) error

func (f logFunc) Append(ctx context.Context, records []stream.Record) error { return f(ctx, records) }

// pipes is a network without sockets, so that synctest sees its goroutines wait.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-p.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// addressed is a connection of a client with an address.
type addressed struct {
	net.Conn
	from net.Addr
}

func (a *addressed) RemoteAddr() net.Addr { return a.from }

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

// running is a server in a synctest bubble.
type running struct {
	client *http.Client
	dial   func() net.Conn
	// dialFrom connects from an address.
	dialFrom func(ip string) net.Conn
	stop     context.CancelFunc
	ended    chan error // what Serve returned
}

// serve runs one of the servers until the end of the bubble.
func serve(t *testing.T, s interface {
	Serve(ctx context.Context, ln net.Listener) error
},
) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(contracttest.Context(t))
	p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	transport := &http.Transport{DialContext: p.dial}
	r := &running{client: &http.Client{Transport: transport}, stop: cancel, ended: make(chan error, 1)}
	r.dial = func() net.Conn {
		c, err := p.dial(context.Background(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	r.dialFrom = func(ip string) net.Conn {
		near, far := net.Pipe()
		t.Cleanup(func() { _ = near.Close() })
		p.conns <- &addressed{far, &net.TCPAddr{IP: net.ParseIP(ip), Port: 1}}
		return near
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		r.ended <- s.Serve(ctx, p)
	}()
	t.Cleanup(func() {
		cancel()
		transport.CloseIdleConnections()
		<-gone
	})
	return r
}

type answer struct {
	status int
	header http.Header
	body   string
	err    error
}

// do sends a request with headers, of which there are names and values by turns.
func (r *running) do(method, path, contentType string, body io.Reader, headers ...string) answer {
	req, err := http.NewRequest(method, "http://emo"+path, body)
	if err != nil {
		return answer{err: err}
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := r.client.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(b), err}
}

// mainServer returns a main server that writes to log and knows one subscriber server.
func mainServer(log logFunc) *server.Main {
	servers := &roster.Roster{}
	servers.Apply(wire.ServerStatus{Name: "sub1", Instance: "i", URL: "http://s", Topic: "sub_1", Capacity: 9, State: wire.StateServing}, time.Now())
	return &server.Main{
		Ingest:   ingest.New(ingest.Config{Log: log}),
		Registry: registry.New(registry.Config{Servers: servers}),
	}
}

func taken(context.Context, []stream.Record) error { return nil }

const tap = `{"user_id":"ann","emoji_type":"🔥"}`

// The main server serves every call under the path that clients use.
func TestMainRoutes(t *testing.T) {
	for name, tt := range map[string]struct {
		method, path, contentType, body string
		status                          int
		says                            string
	}{
		"register":           {"GET", "/register", "", "", 200, `"server_name":"sub1"`},
		"register by POST":   {"POST", "/register", "", "", 200, `"server_name":"sub1"`},
		"unregister":         {"POST", "/unregister", "application/json", `{"server":"sub1"}`, 200, "Unregistered from sub1"},
		"send_emoji":         {"POST", "/send_emoji", "application/json", tap, 200, "Message queued"},
		"reactions":          {"POST", "/v1/reactions", "application/json", "[" + tap + "]", 200, `"accepted":1`},
		"reactions as lines": {"POST", "/v1/reactions", "application/x-ndjson", tap + "\n" + tap, 200, `"accepted":2`},
		"config":             {"GET", "/v1/config", "", "", 200, `"channels":["*"]`},
		"servers":            {"GET", "/v1/servers", "", "", 200, `"name":"sub1"`},
		"healthz":            {"GET", "/healthz", "", "", 200, `{"status":"ok"}`},
		"readyz":             {"GET", "/readyz", "", "", 200, `{"status":"ready"}`},
		"posting to healthz": {"POST", "/healthz", "", "", 405, `"code":"method_not_allowed"`},
		"posting to readyz":  {"POST", "/readyz", "", "", 405, `"code":"method_not_allowed"`},
		"nothing":            {"GET", "/", "", "", 404, "there are /register, /unregister, /send_emoji, /v1/reactions, /v1/config, /v1/servers, /v1/controls, /healthz, /readyz"},
		"something longer":   {"POST", "/send_emoji/", "application/json", tap, 404, `"code":"not_found"`},
		"metrics are not":    {"GET", "/metrics", "", "", 404, `"code":"not_found"`},
		"pprof is not":       {"GET", "/debug/pprof/", "", "", 404, `"code":"not_found"`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := serve(t, mainServer(taken)).do(tt.method, tt.path, tt.contentType, strings.NewReader(tt.body))
				if got.status != tt.status || !strings.Contains(got.body, tt.says) || got.header.Get("Content-Type") != "application/json" || !json.Valid([]byte(got.body)) {
					t.Errorf("answered %+v, want %d with %q", got, tt.status, tt.says)
				}
			})
		})
	}
}

func TestMainIsNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mainServer(taken)
		m.Ready = func(context.Context) ([]error, error) { return nil, errors.New("kafka is away: start it") }
		s := serve(t, m)
		if got := s.do("GET", "/readyz", "", nil); got.status != http.StatusServiceUnavailable || !strings.HasPrefix(got.body, `{"error":"kafka is away: start it","code":"not_ready","request_id":"`) {
			t.Errorf("/readyz answered %+v", got)
		}
		if got := s.do("GET", "/healthz", "", nil); got.status != http.StatusOK {
			t.Errorf("/healthz answered %+v", got)
		}
		if got := s.do("GET", "/register", "", nil); got.status != http.StatusOK {
			t.Errorf("/register answered %+v", got)
		}
	})
}

// While a part of the log takes reactions the server is ready, and says which part does
// not.
func TestMainIsReadyInPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mainServer(taken)
		m.Ready = func(context.Context) ([]error, error) { return []error{errors.New("emoji-topic/2: no leader")}, nil }
		if got := serve(t, m).do("GET", "/readyz", "", nil); got.status != http.StatusOK || got.body != `{"status":"ready","away":["emoji-topic/2: no leader"]}`+"\n" {
			t.Errorf("/readyz answered %+v", got)
		}
	})
}

// The server is ready while reactions are taken in that are not shown, and says so.
func TestMainTellsOfWatermarksAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mainServer(taken)
		m.Ahead = func() []string { return []string{"emoji-topic/2 is ahead"} }
		if got := serve(t, m).do("GET", "/readyz", "", nil); got.status != http.StatusOK || got.body != `{"status":"ready","ahead":["emoji-topic/2 is ahead"]}`+"\n" {
			t.Errorf("/readyz answered %+v", got)
		}
	})
}

// Why keys cannot be read is told on this machine alone.
func TestKeysThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mainServer(taken)
		m.Keys = func() error { return errors.New("it answers 404") }
		s := serve(t, m)
		for address, want := range map[string]string{"127.0.0.1": `{"status":"ready","keys":"it answers 404"}`, "192.0.2.1": `{"status":"ready"}`} {
			c := s.dialFrom(address)
			_, _ = io.WriteString(c, "GET /readyz HTTP/1.1\r\nHost: emo\r\nConnection: close\r\n\r\n")
			if got, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(got), "\r\n"+want+"\n") {
				t.Errorf("%s was answered %s, %v", address, got, err)
			}
		}
	})
}

// What strangers may do without a limit is told on this machine alone.
func TestOpenings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mainServer(taken)
		m.Open = []httpserve.Opening{httpserve.AnyChannel, httpserve.NoAddressLimit}
		s := serve(t, m)
		for address, want := range map[string]string{
			"127.0.0.1": `{"status":"ready","open":["any_channel","no_address_limit"]}`, "::1": `{"status":"ready","open":["any_channel","no_address_limit"]}`,
			"192.0.2.1": `{"status":"ready"}`, "2001:db8::1": `{"status":"ready"}`,
		} {
			c := s.dialFrom(address)
			_, _ = io.WriteString(c, "GET /readyz HTTP/1.1\r\nHost: emo\r\nConnection: close\r\n\r\n")
			got, err := io.ReadAll(c)
			if err != nil || !strings.HasSuffix(string(got), "\r\n"+want+"\n") {
				t.Errorf("%s was answered %s, %v", address, got, err)
			}
		}
	})
}

// A web page may have a domain name that leads to a loopback address. Both servers
// refuse its requests on every path.
func TestStrangeHosts(t *testing.T) {
	fan := fanout.New(fanout.Config{Name: "sub1", Servers: &roster.Roster{}})
	for name, s := range map[string]interface {
		Serve(ctx context.Context, ln net.Listener) error
	}{"main": mainServer(taken), "subscriber": &server.Subscriber{Fanout: fan}} {
		t.Run(name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- s.Serve(ctx, ln) }()
			for host, want := range map[string]int{"localhost": 200, ln.Addr().String(): 200, "evil.example": 403, "evil.example:5000": 403} {
				req, err := http.NewRequest(http.MethodGet, "http://"+ln.Addr().String()+"/healthz", nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Host = host
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
				if res.StatusCode != want {
					t.Errorf("Host %s: answered %d, want %d", host, res.StatusCode, want)
				}
			}
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("Serve = %v", err)
			}
		})
	}
}

func TestCheckSkew(t *testing.T) {
	for ahead, says := range map[time.Duration]string{
		0:                          "",
		server.MaxSkew:             "",
		-server.MaxSkew:            "",
		server.MaxSkew + 1:         "2s ahead of kafka's",
		-server.MaxSkew - 1:        "2s behind kafka's",
		90*time.Second + 123456789: "1m30.123s ahead of kafka's, and 2s is allowed, because it decides which window a reaction is counted in: set the clock",
		-1 << 63:                   "behind kafka's",
	} {
		err := server.CheckSkew(ahead)
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%v: %v, want %q", ahead, err, says)
		}
	}
}

// Where there are keys each call wants a token that allows it, but those by which machines
// and pages find out how the server is. A browser may ask first whether a page is invited.
func TestMainWithKeys(t *testing.T) {
	for name, tt := range map[string]struct {
		method, path, contentType, body string
		scope                           string // that is needed; empty: none
	}{
		"register":           {"GET", "/register", "", "", "emostream:watch"},
		"register by POST":   {"POST", "/register", "", "", "emostream:watch"},
		"unregister":         {"POST", "/unregister", "application/json", `{"server":"sub1"}`, "emostream:watch"},
		"send_emoji":         {"POST", "/send_emoji", "application/json", tap, "emostream:send"},
		"reactions":          {"POST", "/v1/reactions", "application/json", "[" + tap + "]", "emostream:send"},
		"reactions as lines": {"POST", "/v1/reactions", "application/x-ndjson", tap + "\n" + tap, "emostream:send"},
		"needless slashes":   {"POST", "//send_emoji", "application/json", tap, "emostream:send"},
		"servers":            {"GET", "/v1/servers", "", "", "emostream:manage"},
		"config":             {"GET", "/v1/config", "", "", ""},
		"healthz":            {"GET", "/healthz", "", "", ""},
		"readyz":             {"GET", "/readyz", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			gate := accesstest.Gate(t)
			all := []string{"emostream:send", "emostream:watch", "emostream:manage"}
			synctest.Test(t, func(t *testing.T) {
				servers := &roster.Roster{}
				servers.Apply(wire.ServerStatus{Name: "sub1", Instance: "i", URL: "http://s", Topic: "sub_1", Capacity: 9, State: wire.StateServing}, time.Now())
				s := serve(t, &server.Main{
					Ingest:   ingest.New(ingest.Config{Log: logFunc(taken), Gate: gate}),
					Registry: registry.New(registry.Config{Servers: servers, Gate: gate}),
				})
				for _, scope := range append(all, "") {
					want := http.StatusForbidden
					switch {
					case tt.scope == "" || tt.scope == scope:
						want = http.StatusOK
					case scope == "":
						want = http.StatusUnauthorized
					}
					var headers []string
					if scope != "" {
						headers = []string{"Authorization", "Bearer " + accesstest.Token(t, "ann", scope, time.Hour)}
					}
					if got := s.do(tt.method, tt.path, tt.contentType, strings.NewReader(tt.body), headers...); got.status != want || (got.header.Get("WWW-Authenticate") == "") != (want == http.StatusOK) {
						t.Errorf("with %q: answered %+v, want %d", scope, got, want)
					}
				}
			})
		})
	}
}
