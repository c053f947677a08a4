package ingest_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/server/ingest"
)

// once is a net.Listener that accepts one connection.
type once struct {
	conn   chan net.Conn
	closed chan struct{}
}

func (o *once) Accept() (net.Conn, error) {
	select {
	case c := <-o.conn:
		return c, nil
	case <-o.closed:
		return nil, net.ErrClosed
	}
}

func (o *once) Close() error   { close(o.closed); return nil }
func (o *once) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// connect serves one connection in a synctest bubble, and returns the client's end of
// it.
func connect(t *testing.T, h http.Handler) net.Conn {
	t.Helper()
	near, far := net.Pipe()
	ln := &once{conn: make(chan net.Conn, 1), closed: make(chan struct{})}
	ln.conn <- far
	srv := &http.Server{Handler: h}
	done := make(chan error)
	go func() { done <- srv.Serve(ln) }()
	t.Cleanup(func() {
		_ = near.Close()
		_ = srv.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("server: %v", err)
		}
	})
	return near
}

// answerTo writes as much of a request as the server reads, and reads the answer.
func answerTo(t *testing.T, c net.Conn, in *bufio.Reader, head, body string) *httptest.ResponseRecorder {
	t.Helper()
	go func() {
		_, _ = io.WriteString(c, head+body) // the server may close the connection before all is sent
	}()
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got := httptest.NewRecorder()
	maps.Copy(got.Header(), res.Header)
	if res.Close {
		got.Header().Set("Connection", "close")
	}
	got.WriteHeader(res.StatusCode)
	if _, err := io.Copy(got, res.Body); err != nil {
		t.Fatal(err)
	}
	return got
}

// chunks returns a body of n equal HTTP chunks. A body of no declared length is sent
// so.
func chunks(piece string, n int) string {
	return strings.Repeat(fmt.Sprintf("%x\r\n%s\r\n", len(piece), piece), n) + "0\r\n\r\n"
}

// A body of ten megabytes is refused when more than the allowed bytes have come. Then
// the connection either serves the next request or is closed.
func TestLargeBodies(t *testing.T) {
	const size = 10 << 20
	spaces := strings.Repeat(" ", size)
	const next = `{"user_id":"ann","emoji_type":"🔥"}`
	for name, tt := range map[string]struct {
		path, head string
		body       string
		status     int
	}{
		"declared":                 {"/send_emoji", fmt.Sprintf("Content-Length: %d\r\n", size), spaces, 413},
		"declared, an array":       {"/v1/reactions", fmt.Sprintf("Content-Length: %d\r\n", size), spaces, 413},
		"declared, first asked":    {"/send_emoji", fmt.Sprintf("Content-Length: %d\r\nExpect: 100-continue\r\n", size), "", 413},
		"not declared":             {"/send_emoji", "Transfer-Encoding: chunked\r\n", chunks(spaces[:4096], 2560), 413},
		"not declared, an array":   {"/v1/reactions", "Transfer-Encoding: chunked\r\n", chunks(spaces[:4096], 2560), 413},
		"not declared, but enough": {"/send_emoji", "Transfer-Encoding: chunked\r\n", chunks(next, 1), 200},
		"declared and too short":   {"/send_emoji", "Content-Length: 2\r\n", "{}", 400},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &memory{t: t}
				c := connect(t, routes(log, ingest.Config{}))
				in := bufio.NewReader(c)
				got := answerTo(t, c, in, "POST "+tt.path+" HTTP/1.1\r\nHost: emo\r\nContent-Type: application/json\r\n"+tt.head+"\r\n", tt.body)
				if got.Code != tt.status {
					t.Errorf("answered %d %s, want %d", got.Code, got.Body, tt.status)
				}
				if tt.status != http.StatusOK {
					refusalIn(t, got)
				}
				if tt.status == http.StatusRequestEntityTooLarge && len(log.values()) != 0 {
					t.Errorf("the log has %d records", len(log.values()))
				}
				if got.Header().Get("Connection") == "close" {
					if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
						t.Errorf("after the last answer: %v, want the end", err)
					}
					return
				}
				again := answerTo(t, c, in, fmt.Sprintf("POST /send_emoji HTTP/1.1\r\nHost: emo\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", len(next)), next)
				if again.Code != http.StatusOK {
					t.Errorf("the next request was answered %d %s", again.Code, again.Body)
				}
			})
		})
	}
}

// If a client vanishes in the middle of its body, nothing is appended.
func TestBodyBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{t: t}
		c := connect(t, routes(log, ingest.Config{}))
		_, _ = io.WriteString(c, "POST /send_emoji HTTP/1.1\r\nHost: emo\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"+`{"user_id":"ann","emoji_type":"🔥"}`)
		_ = c.Close()
		synctest.Wait()
		if n := log.asked(); n != 0 {
			t.Errorf("%d appends were made of it", n)
		}
	})
}

// An answer that does not depend on the rest of the body is sent without waiting for
// it.
func TestAnswerDoesNotWaitForTheRest(t *testing.T) {
	const line = `{"user_id":"ann","emoji_type":"🔥"}` + "\n"
	for name, tt := range map[string]struct {
		contentType string
		body        string // what is sent of it
		status      int
	}{
		"the log failed":             {asLines, fmt.Sprintf("%x\r\n%s\r\n", len(line), line), 503},
		"a content type of no use":   {"text/plain", "1\r\nx\r\n", 415},
		"no content type, no body":   {"", "", 415},
		"too much, and not all sent": {asJSON, fmt.Sprintf("%x\r\n%s\r\n", 5<<20, strings.Repeat(" ", 5<<20)), 413},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := connect(t, routes(&memory{t: t, answer: failing(stream.ErrInDoubt)}, ingest.Config{}))
				in := bufio.NewReader(c)
				start := time.Now()
				got := answerTo(t, c, in, "POST /v1/reactions HTTP/1.1\r\nHost: emo\r\nContent-Type: "+tt.contentType+"\r\nTransfer-Encoding: chunked\r\n\r\n", tt.body)
				if got.Code != tt.status || time.Since(start) > time.Second {
					t.Errorf("answered %d %s after %v, want %d within a second", got.Code, got.Body, time.Since(start), tt.status)
				}
				if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
					t.Errorf("after the answer: %v, want the end", err)
				}
			})
		})
	}
}

// A refusal reaches the client even if it is decided while the request is still being
// sent. On real sockets a connection that is closed too early loses its answer.
func TestRefusalsArrive(t *testing.T) {
	h := routes(&memory{t: t, answer: failing(stream.ErrNotWritten)}, ingest.Config{})
	srv := httptest.NewServer(h)
	defer srv.Close()
	line := `{"user_id":"ann","emoji_type":"🔥"}` + "\n"
	for name, tt := range map[string]struct {
		contentType, body string
		status            int
	}{
		"a form":                 {"application/x-www-form-urlencoded", strings.Repeat("x", 200_000), 415},
		"a large form":           {"application/x-www-form-urlencoded", strings.Repeat("x", 2_000_000), 415},
		"too much":               {asJSON, strings.Repeat(" ", 5_000_000), 413},
		"lines, the log failing": {asLines, strings.Repeat(line, 100_000), 503},
	} {
		t.Run(name, func(t *testing.T) {
			for _, body := range []func() io.Reader{
				func() io.Reader { return strings.NewReader(tt.body) },                 // its length is declared
				func() io.Reader { return io.MultiReader(strings.NewReader(tt.body)) }, // its length is not declared
			} {
				for range 20 {
					res, err := http.Post(srv.URL+"/v1/reactions", tt.contentType, body())
					if err != nil {
						t.Fatal(err)
					}
					_ = res.Body.Close()
					if res.StatusCode != tt.status {
						t.Errorf("answered %d, want %d", res.StatusCode, tt.status)
					}
				}
			}
		})
	}
}
