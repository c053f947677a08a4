package ingest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/server/access"
	"github.com/emostream/emostream/server/access/accesstest"
	"github.com/emostream/emostream/server/ingest"
)

const fire = `{"user_id":"ann","emoji_type":"🔥"}`

// unread is a body that fails the test if it is read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body of a refused request was read")
	return 0, io.EOF
}

// ask hands a request to the handler, as from loopback. length is the declared length of
// its body; -1: none.
func ask(h http.Handler, path, contentType string, body io.Reader, length int64) *httptest.ResponseRecorder {
	return askFrom(h, "127.0.0.1:1", path, contentType, body, length)
}

// askFrom does what ask does, from another address.
func askFrom(h http.Handler, address, path, contentType string, body io.Reader, length int64) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, body)
	r.RemoteAddr = address
	r.Header.Set("Content-Type", contentType)
	r.ContentLength = length
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// A request over a bound is refused at once, and its body is not read. The requests
// that came before it are served. After that there is room again.
func TestBounds(t *testing.T) {
	const mega, small = 1 << 20, 16 << 10
	type request struct {
		path, contentType, body string
		length                  int64
	}
	one := request{"/send_emoji", asJSON, fire, int64(len(fire))}
	large := func(length int) request { // an array of that many bytes, in full
		return request{"/v1/reactions", asJSON, "[" + fire + strings.Repeat(" ", length-len(fire)-2) + "]", int64(length)}
	}
	for name, tt := range map[string]struct {
		bounds ingest.Bounds
		before []request // those that fit
		over   request
		says   string
	}{
		"requests":             {ingest.Bounds{MaxRequests: 3}, []request{one, one, one}, one, "as many requests in flight"},
		"requests of any kind": {ingest.Bounds{MaxRequests: 2}, []request{one, {"/v1/reactions", asJSON, "[" + fire + "]", int64(len(fire) + 2)}}, request{"/v1/reactions", asJSON, "", 37}, "as many requests in flight"},
		"bytes":                {ingest.Bounds{MaxBytes: 3 * mega}, []request{one, large(mega), large(mega)}, request{"/v1/reactions", asJSON, "", mega + 3*small + 1}, "no room for one as large"},
		"large bodies":         {ingest.Bounds{MaxRequests: 5}, []request{large(small + 1), one, large(small + 1), one}, request{"/v1/reactions", asJSON, "", small + 1}, "as many requests with large bodies"},
		"streams": {
			ingest.Bounds{MaxStreams: 1, MaxRequests: 1},
			[]request{{"/v1/reactions", asLines, fire, -1}, one},
			request{"/v1/reactions", asLines, "", -1},
			"as many streams of lines",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				free := make(chan struct{})
				h := routes(&memory{t: t, answer: func(context.Context, int) error { <-free; return nil }}, ingest.Config{Bounds: tt.bounds})
				for range 2 {
					answers := make(chan int, len(tt.before))
					for _, r := range tt.before {
						go func() { answers <- ask(h, r.path, r.contentType, strings.NewReader(r.body), r.length).Code }()
					}
					synctest.Wait()
					start := time.Now()
					got := ask(h, tt.over.path, tt.over.contentType, unread{t}, tt.over.length)
					p := refusalIn(t, got)
					if got.Code != http.StatusServiceUnavailable || p.Code != "overloaded" || got.Header().Get("Retry-After") != "1" || !strings.Contains(p.Error, tt.says) || time.Since(start) > 0 {
						t.Errorf("answered %d %+v after %v, want %q", got.Code, p, time.Since(start), tt.says)
					}
					for range tt.before {
						free <- struct{}{}
						if code := <-answers; code != http.StatusOK {
							t.Errorf("one that was let in: %d", code)
						}
					}
				}
			})
		})
	}
}

// While the log is full, no body is read. When it is not full any more, requests are
// taken again.
func TestFullLog(t *testing.T) {
	var full atomic.Bool
	h := routes(&memory{t: t}, ingest.Config{Bounds: ingest.Bounds{MaxRequests: 1, MaxStreams: 1, LogFull: full.Load}})
	for _, now := range []bool{false, true, true, false} {
		full.Store(now)
		for path, contentType := range map[string]string{"/send_emoji": asJSON, "/v1/reactions": asLines} {
			if !now {
				if got := post(h, path, contentType, fire); got.Code != http.StatusOK {
					t.Errorf("%s: answered %d %s", path, got.Code, got.Body)
				}
				continue
			}
			got := ask(h, path, contentType, unread{t}, -1)
			if p := refusalIn(t, got); got.Code != http.StatusServiceUnavailable || p.Code != "overloaded" || !strings.Contains(p.Error, "waiting for kafka") {
				t.Errorf("%s: answered %d %+v", path, got.Code, p)
			}
		}
	}
}

// A request does not count as in flight after it was answered, whatever its outcome.
func TestPlacesAreGivenBack(t *testing.T) {
	var failure error
	h := routes(&memory{t: t, answer: func(context.Context, int) error { return failure }}, ingest.Config{Bounds: ingest.Bounds{MaxRequests: 1, MaxStreams: 1, MaxBytes: 4 << 20}})
	for _, failure = range []error{nil, stream.ErrNotWritten, stream.ErrInDoubt} {
		for range 3 {
			for _, body := range []string{fire, "", "{", "[", "[]", "[" + fire + ",{}]", fire + "\n" + fire, strings.Repeat(" ", 5<<20)} {
				for _, contentType := range []string{asJSON, asLines, "text/plain"} {
					for _, path := range []string{"/send_emoji", "/v1/reactions"} {
						for _, length := range []int64{int64(len(body)), -1} {
							if got := ask(h, path, contentType, strings.NewReader(body), length); got.Code == http.StatusServiceUnavailable && strings.Contains(got.Body.String(), "overloaded") {
								t.Fatalf("%.20q as %s: answered %s", body, contentType, got.Body)
							}
						}
					}
				}
			}
		}
	}
}

// After a refusal the connection can be used again, unless its body was still
// arriving.
func TestRefusedConnectionsGoOn(t *testing.T) {
	whole := fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(fire), fire)
	gate, authorization := accesstest.Gate(t), "Authorization: Bearer "+accesstest.Token(t, "ann", "emostream:send", time.Hour)+"\r\n"
	for name, tt := range map[string]struct {
		rest string // of the request, after its header
		ends bool
	}{
		"the body is here":         {whole, false},
		"a chunked one, too":       {"Transfer-Encoding: chunked\r\n\r\n" + chunks(fire, 1), false},
		"half of it is":            {fmt.Sprintf("Content-Length: %d\r\n\r\n%s", 2*len(fire), fire), true},
		"a megabyte is on its way": {"Content-Length: 1048576\r\n\r\n" + fire, true},
	} {
		for code, guard := range map[string]*access.Gate{"overloaded": nil, "token_missing": gate} {
			t.Run(name+", "+code, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					full := guard == nil
					c := connect(t, routes(&memory{t: t}, ingest.Config{Gate: guard, Bounds: ingest.Bounds{LogFull: func() bool { return full }}}))
					in := bufio.NewReader(c)
					const head = "POST /send_emoji HTTP/1.1\r\nHost: emo\r\nContent-Type: application/json\r\n"
					start := time.Now()
					got := answerTo(t, c, in, head, tt.rest)
					if p := refusalIn(t, got); p.Code != code || time.Since(start) > time.Second {
						t.Errorf("answered %d %+v after %v", got.Code, p, time.Since(start))
					}
					if tt.ends {
						if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
							t.Errorf("after the answer: %v, want the end", err)
						}
						return
					}
					full = false
					if again := answerTo(t, c, in, head+authorization, whole); again.Code != http.StatusOK {
						t.Errorf("the next request was answered %d %s", again.Code, again.Body)
					}
				})
			})
		}
	}
}

// A stream may be slow for hours, but not silent for longer than its timeout. The lines
// that came before are in the log.
func TestSilentStream(t *testing.T) {
	for name, piece := range map[string]string{"between lines": "", "in a line": fire[:10]} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &memory{t: t}
				c := connect(t, routes(log, ingest.Config{Bounds: ingest.Bounds{StreamIdleTimeout: time.Minute}}))
				go func() {
					_, _ = io.WriteString(c, "POST /v1/reactions HTTP/1.1\r\nHost: emo\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n")
					for range 200 {
						<-time.After(59 * time.Second)
						_, _ = fmt.Fprintf(c, "%x\r\n%s\n\r\n", len(fire)+1, fire)
					}
					if piece != "" {
						_, _ = fmt.Fprintf(c, "%x\r\n%s\r\n", len(piece), piece)
					}
				}()
				start := time.Now()
				in := bufio.NewReader(c)
				got := answerTo(t, c, in, "", "")
				o := outcomesIn(t, got)
				if got.Code != http.StatusRequestTimeout || o.Code != "too_slow" || o.Accepted != 200 || !strings.Contains(o.Error, "in line 201") {
					t.Errorf("answered %d %+v", got.Code, o)
				}
				if took := time.Since(start) - 200*59*time.Second; took < time.Minute || took > time.Minute+time.Second {
					t.Errorf("answered after %v of silence", took)
				}
				if n := len(log.values()); n != 200 {
					t.Errorf("the log has %d records", n)
				}
				if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
					t.Errorf("after the answer: %v, want the end", err)
				}
			})
		})
	}
}

// BenchmarkRequest shows that a refusal costs no more than an acceptance, even with a
// log that costs nothing, and what a token costs.
func BenchmarkRequest(b *testing.B) {
	for _, bb := range []struct{ name, contentType, body string }{
		{"accepted", asJSON, `{"user_id":"user_0123456789ab","emoji_type":"🔥","timestamp":"2026-01-02T03:04:05.000Z"}`},
		{"accepted numbers", asJSON, `{"user_id":42,"emoji_type":"🔥","timestamp":1732000000.25}`},
		{"no emoji", asJSON, withField("emoji_type", `"A"`)},
		{"two emojis", asJSON, withField("emoji_type", `"🔥🔥"`)},
		{"unknown shortcode", asJSON, withField("emoji_type", `":mann_dark_skin_tone:"`)},
		{"too long an emoji", asJSON, withField("emoji_type", quoted("x", 9_000))},
		{"no JSON", asJSON, "user_id=ann"},
		{"wrong type", asJSON, withField("user_id", "[7]")},
		{"missing field", asJSON, `{"user_id":"ann"}`},
		{"invalid count", asJSON, withField("count", "101")},
		{"content type", "text/plain", fire},
		{"overloaded", asJSON, fire},
	} {
		b.Run(bb.name, func(b *testing.B) {
			full := bb.name == "overloaded"
			h := routes(nothing{}, ingest.Config{Bounds: ingest.Bounds{LogFull: func() bool { return full }}})
			b.ReportAllocs()
			for b.Loop() {
				post(h, "/send_emoji", bb.contentType, bb.body)
			}
		})
	}
	l := newLogin(b)
	for name, q := range map[string]request{
		"with a token":                    {l.token(b, "user_0123456789ab", "emostream:send", nil), "192.0.2.1:1", asJSON, `{"emoji_type":"🔥","timestamp":"2026-01-02T03:04:05.000Z"}`},
		"with a token that is wrong":      {newLogin(b).token(b, "user_0123456789ab", "emostream:send", nil), "192.0.2.1:1", asJSON, fire},
		"without the token that it needs": {"", "192.0.2.1:1", asJSON, fire},
	} {
		b.Run(name, func(b *testing.B) {
			h := routes(nothing{}, ingest.Config{Gate: l.gate(b, access.Config{})})
			b.ReportAllocs()
			for b.Loop() {
				q.send(h)
			}
		})
	}
}

// nothing is a log that takes everything and keeps nothing.
type nothing struct{}

func (nothing) Append(context.Context, []stream.Record) error { return nil }
