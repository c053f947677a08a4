package loadgen_test

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

// versions makes a server speak some versions of HTTP.
func versions(http1, overTLS, withoutTLS bool) *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(http1)
	p.SetHTTP2(overTLS)
	p.SetUnencryptedHTTP2(withoutTLS)
	return p
}

// A run over HTTP/2 has as many TCP connections as it is told, and one for each
// listener. What listeners are shown is found as over HTTP/1.1.
func TestRunOverHTTP2(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	for name, secure := range map[string]bool{"with TLS": true, "without TLS": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var opened, older atomic.Int64
			h := &hub{news: make(chan struct{})}
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.ProtoMajor != 2 {
					older.Add(1)
				}
				h.ServeHTTP(w, r)
			}))
			srv.Config.Protocols = versions(true, true, true)
			srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					opened.Add(1)
				}
			}
			if secure {
				srv.EnableHTTP2 = true
				srv.TLS = &tls.Config{Certificates: []tls.Certificate{a.issue(t, unchanged)}}
				srv.StartTLS()
			} else {
				srv.Start()
			}
			defer srv.Close()
			const connections, listeners, trial = 16, 3, 1
			r, err := loadgen.Run(t.Context(), loadgen.Config{
				Publish: &loadgen.Publish{PostURL: srv.URL + "/pub", StreamURLs: []string{srv.URL + "/sub?x=y"}, ContentType: "text/x"}, TLS: &tls.Config{RootCAs: a.pool()}, HTTP2: true,
				Rate: 400, Duration: 500 * time.Millisecond, Connections: connections, Listeners: listeners, BalanceTimeout: longTimeout, Timeout: longTimeout, Drain: longTimeout,
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(balance{Sent: 200, Accepted: 200, Counted: 200}, balanceOf(t, r)); diff != "" {
				t.Errorf("balance (-want +got):\n%s\n%v", diff, r.Errors)
			}
			if e2e := r.Latency[report.EndToEnd]; e2e == nil || e2e.Count != 200*listeners {
				t.Errorf("end to end: %+v, want one for each listener and marker", e2e)
			}
			// On a machine that stalls, connections rest too long, and are made once more.
			if n, want := opened.Load(), int64(connections+listeners+trial); n < want || n >= 2*want || older.Load() != 0 {
				t.Errorf("%d connections, %d requests over HTTP/1.1, want %d and none", n, older.Load(), want)
			}
			if r.Options.HTTP != "2" || !strings.HasPrefix(h.bodies[0], `text/x {"marker":"emo`) {
				t.Errorf("HTTP %q, posted %q", r.Options.HTTP, h.bodies[0])
			}
		})
	}
}

// A target that speaks another version of HTTP than the run is named as such, before
// anything is sent where that can be known, and is never in doubt.
func TestRunNamesTheOtherVersionOfHTTP(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	answering := func(secure bool, p *http.Protocols) string {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{Handler: http.HandlerFunc(ok), Protocols: p, ErrorLog: quiet, TLSConfig: &tls.Config{Certificates: []tls.Certificate{a.issue(t, unchanged)}}}
		t.Cleanup(func() { _ = srv.Close() })
		if !secure {
			go func() { _ = srv.Serve(l) }()
			return "http://" + l.Addr().String()
		}
		go func() { _ = srv.ServeTLS(l, "", "") }()
		return "https://" + l.Addr().String()
	}
	closing := serveConnections(t, func(net.Conn) {})
	onlyH2 := func() string {
		l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{a.issue(t, unchanged)}, NextProtos: []string{"x"}} /* Go takes a client of HTTP/1.1 also if there is h2 alone */)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
				_ = conn.(*tls.Conn).Handshake()
				_ = conn.Close()
			}
		}()
		return "https://" + l.Addr().String()
	}()
	for name, tt := range map[string]struct {
		url    string
		http2  bool
		lacked string
		begins bool // the run begins, and the report says it
	}{
		"HTTP/1.1 alone, with TLS":            {answering(true, versions(true, false, false)), true, loadgen.HTTP2, false},
		"HTTP/1.1 alone, without TLS":         {answering(false, versions(true, false, false)), true, loadgen.HTTP2, false},
		"a server that closes without a word": {closing, true, loadgen.HTTP2, false},
		"HTTP/2 alone, with TLS":              {onlyH2, false, loadgen.HTTP1, false},
		"HTTP/2 alone, with TLS of Go":        {answering(true, versions(false, true, false)), false, loadgen.HTTP1, false},
		"HTTP/2 alone, without TLS":           {serveHTTP2(t, func(p *http2Peer) { p.next() }), false, loadgen.HTTP1, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trusting := &tls.Config{RootCAs: a.pool()}
			cfg := tenPosts(tt.url, trusting)
			cfg.HTTP2 = tt.http2
			r, err := loadgen.Run(t.Context(), cfg)
			_, other := errors.AsType[*loadgen.VersionError](err)
			switch {
			case tt.begins && (err != nil || r.Rejected != 10 || r.Errors["it does not speak "+tt.lacked] != 10):
				t.Errorf("rejected %d, in doubt %d, %v, %v", r.Rejected, r.InDoubt, r.Errors, err)
			case !tt.begins && (!other || err.Error() != tt.url+" does not speak "+tt.lacked):
				t.Errorf("got %v", err)
			}
			_, err = loadgen.Run(t.Context(), loadgen.Config{Server: tt.url, TLS: trusting, HTTP2: tt.http2, Rate: 10, Duration: 100 * time.Millisecond})
			if _, other := errors.AsType[*loadgen.VersionError](err); !other || err.Error() != tt.url+" does not speak "+tt.lacked {
				t.Errorf("a main server: got %v", err)
			}
		})
	}
}

// However a server ends a request or its connection over HTTP/2, a request is in doubt
// only where the server may have processed it, and is processed once.
func TestDoubtOverHTTP2(t *testing.T) {
	t.Parallel()
	const sent = 100
	// Each tenth request is dealt with by deal, which returns whether the connection goes
	// on.
	for name, tt := range map[string]struct {
		deal      func(p *http2Peer) (goesOn bool)
		processed bool
		want      outcome
	}{
		"the connection ends by a GOAWAY after an answer": {func(p *http2Peer) bool {
			p.accept()
			p.goAway(p.last, 0)
			return false
		}, true, outcome{sent, sent, 0, 0, map[string]int64{}}},
		"a GOAWAY leaves the request out": {func(p *http2Peer) bool {
			p.goAway(p.last-2, 0)
			return false
		}, false, outcome{sent, sent, 0, 0, map[string]int64{}}},
		"a GOAWAY with an error leaves it out": {func(p *http2Peer) bool {
			p.goAway(p.last-2, internalError)
			return false
		}, false, outcome{sent, sent, 0, 0, map[string]int64{}}},
		"a GOAWAY comes before the answer": {func(p *http2Peer) bool {
			p.goAway(p.last, 0)
			p.accept()
			return p.next()
		}, true, outcome{sent, sent, 0, 0, map[string]int64{}}},
		"a GOAWAY without the answer that it promises": {func(p *http2Peer) bool {
			p.goAway(p.last, 0)
			return false
		}, true, outcome{sent, sent * 9 / 10, 0, sent / 10, map[string]int64{"closed": sent / 10}}},
		"the connection ends without a word": {func(*http2Peer) bool {
			return false
		}, true, outcome{sent, sent * 9 / 10, 0, sent / 10, map[string]int64{"closed": sent / 10}}},
		"the stream is refused": {func(p *http2Peer) bool {
			p.frame(resetFrame, 0, p.last, codes(refusedStream))
			return true
		}, false, outcome{sent, sent * 9 / 10, sent / 10, 0, map[string]int64{"HTTP/2 stream refused": sent / 10}}},
		"the stream is reset": {func(p *http2Peer) bool {
			p.frame(resetFrame, 0, p.last, codes(internalError))
			return true
		}, true, outcome{sent, sent * 9 / 10, 0, sent / 10, map[string]int64{"HTTP/2 stream reset": sent / 10}}},
		"what is no frame": {func(p *http2Peer) bool {
			p.frame(dataFrame, 0, 0, nil)
			return p.next()
		}, true, outcome{sent, sent * 9 / 10, 0, sent / 10, map[string]int64{"malformed answer": sent / 10}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			asked, processed := 0, int64(0)
			url := serveHTTP2(t, func(p *http2Peer) {
				for p.next() {
					mu.Lock()
					asked++
					dealt := asked%10 == 0
					if tt.processed || !dealt {
						processed++ // before the answer, with which the run may end
					}
					mu.Unlock()
					if !dealt {
						p.accept()
					} else if !tt.deal(p) {
						return
					}
				}
			})
			r, err := loadgen.Run(t.Context(), loadgen.Config{
				Publish: &loadgen.Publish{PostURL: url}, HTTP2: true, Rate: 400, Duration: sent * time.Second / 400, Connections: 1, Timeout: longTimeout, Drain: longTimeout,
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, outcome{r.Sent, r.Accepted, r.Rejected, r.InDoubt, r.Errors}); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
			if failed := r.Load().Errors; failed != r.Rejected+r.InDoubt {
				t.Errorf("%d requests failed, %d rejected and %d in doubt", failed, r.Rejected, r.InDoubt)
			}
			mu.Lock()
			defer mu.Unlock()
			if processed != r.Accepted+r.InDoubt {
				t.Errorf("%d were processed, %d accepted and %d in doubt", processed, r.Accepted, r.InDoubt)
			}
		})
	}
}

// A server that goes away before each request is asked a few times, and nothing is in
// doubt.
func TestServerThatAlwaysGoesAway(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	url := serveHTTP2(t, func(p *http2Peer) {
		if p.next() {
			asked.Add(1)
			p.goAway(0, 0)
		}
	})
	cfg := tenPosts(url, nil)
	cfg.HTTP2 = true
	r, err := loadgen.Run(t.Context(), cfg)
	if err != nil || r.Rejected != 10 || r.Errors["going away"] != 10 || asked.Load() != 30 {
		t.Errorf("rejected %d, in doubt %d, asked %d times, %v, %v", r.Rejected, r.InDoubt, asked.Load(), r.Errors, err)
	}
}

// However servers end HTTP/2 connections that rest, no request is in doubt because of it.
func TestHTTP2ConnectionsThatRest(t *testing.T) {
	t.Parallel()
	const rest = 300 * time.Millisecond // see TestConnectionsThatRest
	for name, serve := range map[string]func(*testing.T, net.Listener){
		"with a GOAWAY": func(t *testing.T, l net.Listener) {
			t.Helper()
			srv := &http.Server{Handler: http.HandlerFunc(ok), Protocols: versions(false, false, true), IdleTimeout: rest}
			t.Cleanup(func() { _ = srv.Close() })
			go func() { _ = srv.Serve(l) }()
		},
		"without a word": func(t *testing.T, l net.Listener) {
			t.Helper()
			serveConnectionsOf(t, l, asHTTP2(func(p *http2Peer) {
				for p.SetReadDeadline(time.Now().Add(rest)) == nil && p.next() {
					p.accept()
				}
			}))
		},
	} {
		for _, stages := range []string{"3s:20", "2s:2", "300ms:100,1s:0,300ms:100"} {
			t.Run(name+", "+stages, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					r := runInMemory(t.Context(), t, func(l net.Listener) { serve(t, l) }, loadgen.Config{HTTP2: true, Stages: stages, Connections: 20})
					if r.Sent == 0 || r.Accepted != r.Sent {
						t.Errorf("%d of %d accepted, %d in doubt: %v", r.Accepted, r.Sent, r.InDoubt, r.Errors)
					}
				})
			})
		}
	}
}

// An answer that does not come ends with the timeout, and leaves the request in doubt.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	for version, http2 := range map[string]bool{loadgen.HTTP1: false, loadgen.HTTP2: true} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const timeout = 2 * time.Second
				r := runInMemory(t.Context(), t, serving(t, counting(func(n int64, w http.ResponseWriter, r *http.Request) {
					switch n % 10 {
					case 0: // not even a header
						<-r.Context().Done()
					case 5: // no end of the body
						_ = http.NewResponseController(w).Flush()
						<-r.Context().Done()
					}
				})), loadgen.Config{HTTP2: http2, Rate: 200, Duration: 500 * time.Millisecond, Connections: 32, Timeout: timeout})
				if diff := cmp.Diff(outcome{100, 80, 0, 20, map[string]int64{"timeout": 20}}, outcome{r.Sent, r.Accepted, r.Rejected, r.InDoubt, r.Errors}); diff != "" {
					t.Errorf("outcome (-want +got):\n%s", diff)
				}
				if failed := r.Latency[report.AckFailed]; failed == nil || failed.P50 < report.InMS(timeout)*0.99 {
					t.Errorf("without an answer: %+v", failed)
				}
			})
		})
	}
}

// A connection that is interrupted just before its request waits for no answer.
func TestInterruptedBeforeItsRequest(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
		srv.Config.Protocols = versions(true, false, true)
		srv.Start()
		if err := loadgen.InterruptedRoundTrip(t.Context(), srv.URL, http2); err != nil {
			t.Errorf("HTTP/2 %v: %v", http2, err)
		}
		srv.Close()
	}
}
