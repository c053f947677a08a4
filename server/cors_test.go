package server_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/server"
	"github.com/emostream/emostream/server/fanout"
)

// A browser lets any page send simple requests, such as forms and plain text, without
// asking the server first. The server refuses those. Of other requests the browser asks
// first: the server allows them only to pages of the given origins.
func TestPagesAreKeptOut(t *testing.T) {
	const page = "https://example.com"
	origins, err := httpserve.ParseOrigins([]string{page})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		invited     httpserve.Origins
		method      string
		contentType string
		origin      string
		status      int
		allowed     string
	}{
		"a form":                      {httpserve.Origins{}, "POST", "application/x-www-form-urlencoded", page, 415, ""},
		"a form with parts":           {httpserve.Origins{}, "POST", "multipart/form-data; boundary=x", page, 415, ""},
		"text":                        {httpserve.Origins{}, "POST", "text/plain", page, 415, ""},
		"a blob without a type":       {httpserve.Origins{}, "POST", "", page, 415, ""},
		"a question":                  {httpserve.Origins{}, "OPTIONS", "", page, 405, ""},
		"a form of the invited":       {origins, "POST", "text/plain", page, 415, page},
		"a question of the invited":   {origins, "OPTIONS", "", page, 204, page},
		"a question of the uninvited": {origins, "OPTIONS", "", "https://evil.example", 405, ""},
		"what the invited then send":  {origins, "POST", "application/json", page, 200, page},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				appended := 0
				m := mainServer(func(_ context.Context, records []stream.Record) error { appended += len(records); return nil })
				m.Origins = tt.invited
				s := serve(t, m)
				for _, path := range []string{"/send_emoji", "/v1/reactions"} {
					status, header, body := fromPage(t, s, tt.method, path, tt.contentType, tt.origin)
					if status != tt.status || header.Get("Access-Control-Allow-Origin") != tt.allowed {
						t.Errorf("%s: answered %d %v %s, want %d", path, status, header, body, tt.status)
					}
				}
				if (appended > 0) != (tt.status == http.StatusOK) {
					t.Errorf("%d are in the log", appended)
				}
			})
		})
	}
}

// Pages of the given origins may listen to subscriber servers too.
func TestInvitedListeners(t *testing.T) {
	origins, err := httpserve.ParseOrigins([]string{"*"})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, &server.Subscriber{Fanout: fanout.New(fanout.Config{Name: "sub1", Servers: &roster.Roster{}}), Origins: origins})
		status, header, _ := fromPage(t, s, "OPTIONS", "/v1/swarm", "", "https://example.com")
		if status != http.StatusNoContent || header.Get("Access-Control-Allow-Origin") != "*" || header.Get("Access-Control-Allow-Headers") != "content-type" {
			t.Errorf("answered %d %v", status, header)
		}
	})
}

// fromPage sends what a browser sends for a page of an origin.
func fromPage(t *testing.T, s *running, method, path, contentType, origin string) (status int, header http.Header, body string) {
	t.Helper()
	req, err := http.NewRequest(method, "http://emo"+path, strings.NewReader(tap))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", origin)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if method == http.MethodOptions {
		req.Header.Set("Access-Control-Request-Method", "POST")
		req.Header.Set("Access-Control-Request-Headers", "content-type")
	}
	res, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(b)
}

// A page that is invited may read every refusal, also that of a host that is not served.
// Another page may read none.
func TestPagesReadRefusals(t *testing.T) {
	const page = "https://example.com"
	origins, err := httpserve.ParseOrigins([]string{page})
	if err != nil {
		t.Fatal(err)
	}
	m := mainServer(func(context.Context, []stream.Record) error { return stream.ErrNotWritten })
	m.Origins = origins
	ln, err := httpserve.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Serve(ctx, ln) }()
	const posts = "HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
	for request, want := range map[string]int{
		"GET /register HTTP/1.1\r\nHost: evil.example\r\n":                                http.StatusForbidden,
		"GET /nothing HTTP/1.1\r\nHost: localhost\r\n":                                    http.StatusNotFound,
		"DELETE /register HTTP/1.1\r\nHost: localhost\r\n":                                http.StatusMethodNotAllowed,
		"GET /register?" + strings.Repeat("x", 3000) + " HTTP/1.1\r\nHost: localhost\r\n": http.StatusRequestURITooLong,
		"POST /send_emoji HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n":           http.StatusUnsupportedMediaType,
		"POST /send_emoji " + posts + "999999999\r\n":                                     http.StatusRequestEntityTooLarge,
		"POST /send_emoji " + posts + "2\r\n\r\n[]":                                       http.StatusBadRequest,
		"POST /send_emoji " + posts + "34\r\n\r\n" + `{"user_id":"ann","emoji_type":"A"}`: http.StatusUnprocessableEntity,
		"POST /send_emoji " + posts + "37\r\n\r\n" + tap:                                  http.StatusServiceUnavailable,
	} {
		for origin, allowed := range map[string]string{page: page, "https://evil.example": ""} {
			head, body, _ := strings.Cut(request, "\r\n\r\n")
			status, h := raw(t, ln.Addr().String(), strings.TrimSuffix(head, "\r\n")+"\r\nOrigin: "+origin+"\r\nConnection: close\r\n\r\n"+body)
			if status != want || h.Get("Access-Control-Allow-Origin") != allowed || (h.Get("Access-Control-Allow-Credentials") == "true") != (allowed != "") ||
				strings.Contains(h.Get("Access-Control-Expose-Headers"), "Retry-After") != (allowed != "") {
				t.Errorf("%.80q of %s: answered %d %v, want %d", request, origin, status, h, want)
			}
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// raw sends the bytes of a request.
func raw(t *testing.T, addr, request string) (status int, header http.Header) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode, res.Header
}

// navigator.sendBeacon sends what a page has left to say when it goes. The browser asks
// first, since the body is JSON, and demands that credentials are allowed.
func TestBeacon(t *testing.T) {
	const page = "https://example.com"
	origins, err := httpserve.ParseOrigins([]string{page})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		appended := 0
		m := mainServer(func(_ context.Context, records []stream.Record) error { appended += len(records); return nil })
		m.Origins = origins
		s := serve(t, m)
		for _, path := range []string{"/send_emoji", "/v1/reactions"} {
			for method, want := range map[string]int{"OPTIONS": http.StatusNoContent, "POST": http.StatusOK} {
				status, header, body := fromPage(t, s, method, path, "application/json", page)
				if status != want || header.Get("Access-Control-Allow-Origin") != page || header.Get("Access-Control-Allow-Credentials") != "true" {
					t.Errorf("%s %s: answered %d %v %s", method, path, status, header, body)
				}
			}
		}
		if appended != 2 {
			t.Errorf("%d are in the log, want 2", appended)
		}
	})
}
