package server_test

import (
	"context"
	"io"
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
		if status != http.StatusNoContent || header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(header.Get("Access-Control-Allow-Headers"), "Last-Event-ID") {
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
