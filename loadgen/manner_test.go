package loadgen_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

// bearing says how long a server bears with clients that do not do as others do. 0: for
// ever.
type bearing struct {
	write  time.Duration // for a write to a stream
	ask    time.Duration // for the head of a request
	stream time.Duration // for a stream, whose connection it keeps
	http2  bool
}

// flooding is the response of a stream, with 16 KB of comments beside each event.
type flooding struct {
	http.ResponseWriter
	write time.Duration
	until context.CancelFunc // called when a write failed
}

func (f flooding) Unwrap() http.ResponseWriter { return f.ResponseWriter }

func (f flooding) Write(b []byte) (int, error) {
	if f.write > 0 {
		_ = http.NewResponseController(f.ResponseWriter).SetWriteDeadline(time.Now().Add(f.write))
	}
	n, err := io.WriteString(f.ResponseWriter, ":"+strings.Repeat("x", 16<<10)+"\n\n"+string(b))
	if err != nil {
		f.until()
	}
	return n, err
}

// start starts a server that floods its streams with events. It holds little of what a
// client does not take, so that it notices soon.
func (b bearing) start(t *testing.T) loadgen.Config {
	t.Helper()
	h := &hub{news: make(chan struct{})}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		if b.stream > 0 {
			ctx, cancel = context.WithTimeout(ctx, b.stream)
			defer cancel()
		}
		if r.URL.Path == "/sub" {
			w = flooding{w, b.write, cancel}
		}
		h.ServeHTTP(w, r.WithContext(ctx))
	}))
	srv.Config.ReadHeaderTimeout = b.ask
	srv.Config.Protocols = new(http.Protocols)
	srv.Config.Protocols.SetHTTP1(!b.http2)
	srv.Config.Protocols.SetUnencryptedHTTP2(b.http2)
	srv.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		_ = c.(*net.TCPConn).SetWriteBuffer(4 << 10)
		return ctx
	}
	srv.Start()
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	return loadgen.Config{
		Publish: &loadgen.Publish{PostURL: srv.URL + "/pub", StreamURLs: []string{srv.URL + "/sub"}}, Rate: 100, Duration: 1500 * time.Millisecond, HTTP2: b.http2,
		Connections: 2, Listeners: 2, Timeout: longTimeout, Drain: longTimeout, BalanceTimeout: longTimeout,
	}
}

// Listeners that read slowly, not at all, or ask for nothing are no part of the books,
// and the report says how many of them the server ended.
func TestManners(t *testing.T) {
	t.Parallel()
	type borne struct{ Slow, Stalled, Mute *report.Borne }
	kept := func(n int) *report.Borne { return &report.Borne{Wanted: n, Kept: n} }
	ended := func(n int) *report.Borne { return &report.Borne{Wanted: n, Ended: n} }
	for name, tt := range map[string]struct {
		server bearing
		slow   string
		want   borne
	}{
		"it bears everything":          {bearing{}, "2:1000", borne{kept(2), kept(3), kept(4)}},
		"it ends what is not taken":    {bearing{write: 700 * time.Millisecond}, "2:1000", borne{ended(2), ended(3), kept(4)}},
		"they read as fast as it goes": {bearing{write: longTimeout}, "2:100000000", borne{kept(2), kept(3), kept(4)}},
		"it ends who does not ask":     {bearing{ask: 300 * time.Millisecond}, "2:1000", borne{kept(2), kept(3), ended(4)}},
		"by HTTP/2, too":               {bearing{ask: 300 * time.Millisecond, http2: true}, "2:1000", borne{kept(2), kept(3), ended(4)}},
		"it ends streams":              {bearing{stream: 10 * time.Millisecond}, "2:1000", borne{ended(2), ended(3), kept(4)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := tt.server.start(t)
			cfg.Slow, cfg.Stalled, cfg.Mute = tt.slow, 3, 4
			r, err := loadgen.Run(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			l := r.Listeners
			if diff := cmp.Diff(tt.want, borne{l.Slow, l.Stalled, l.Mute}); diff != "" {
				t.Errorf("what became of them (-want +got):\n%s", diff)
			}
			if b := balanceOf(t, r); b.Accepted != 150 || b.Counted != 150 || b.Lost != 0 || l.Wanted != 2 || l.Connected != 2 {
				t.Errorf("%+v, %+v", b, l)
			}
			if n := r.Latency[report.EndToEnd].Count; tt.server.stream == 0 && (n != 300 || l.Gaps > 0) { // where streams end, listeners miss something
				t.Errorf("%d latencies and %d gaps, want those of two listeners", n, l.Gaps)
			}
			if n := r.Latency[report.Connect].Count; tt.server.stream == 0 && n != 2 {
				t.Errorf("%d streams are in sse_connect, want those of two listeners", n)
			}
			check(t, r, "slow_kept>=0 stalled_ended<4 mute_kept<5", true)
			check(t, r, "slow_ended>2 stalled_kept>3 mute_ended>4", false)
		})
	}
}

// How listeners read slowly is said in one text.
func TestParseSlow(t *testing.T) {
	for text, want := range map[string]struct {
		listeners, pace int
		says            string
	}{
		"":              {},
		"100:1000":      {100, 1000, ""},
		" 1 : 1 ":       {1, 1, ""},
		"0:5":           {0, 5, ""},
		"100":           {0, 0, "as in 100:1000"},
		"100:0":         {0, 0, "at least 1"},
		"-1:10":         {0, 0, "want a number of listeners"},
		"1:1KB":         {0, 0, "how many bytes a second"},
		"10001:1":       {0, 0, "up to 10000 listeners"},
		"1:99999999999": {0, 0, "1073741824 bytes a second are allowed"},
	} {
		listeners, pace, err := loadgen.ParseSlow(text)
		if listeners != want.listeners || pace != want.pace || (err == nil) != (want.says == "") || err != nil && !strings.Contains(err.Error(), want.says) {
			t.Errorf("%q: %d, %d, %v; want %+v", text, listeners, pace, err, want)
		}
	}
}

// counted counts the bytes that are read from a connection.
type counted struct {
	net.Conn
	read atomic.Int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.read.Add(int64(n))
	return n, err
}

// A slow listener reads as many bytes a second as it should, however many there are.
func TestSlowListenersKeepTheirPace(t *testing.T) {
	for _, pace := range []int{1, 3, 100, 999, 100_000} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			defer near.Close()
			go func() {
				defer far.Close()
				for b := make([]byte, 1<<20); ; {
					if _, err := far.Write(b); err != nil {
						return
					}
				}
			}()
			c := &counted{Conn: near}
			const long = 20*time.Second + time.Millisecond
			if err := loadgen.ReadAtPace(c, pace, long); err != nil {
				t.Error(err)
			}
			if n := c.read.Load(); n < int64(pace)*19 || n > int64(pace)*20 {
				t.Errorf("%d bytes in 20 s, want %d a second", n, pace)
			}
		})
	}
}
