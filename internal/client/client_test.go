package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/errno"
	"github.com/emostream/emostream/internal/wire"
)

// mainServer starts a main server that gives every request the same answer, and returns
// the requests it got.
func mainServer(t *testing.T, status int, body string) (*client.Client, *[]string) {
	t.Helper()
	var asked []string // one request at a time
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read a request: %v", err)
		}
		asked = append(asked, strings.TrimSpace(r.Method+" "+r.URL.String()+" "+string(b)))
		if ct := r.Header.Get("Content-Type"); r.Method == http.MethodPost && ct != "application/json" {
			t.Errorf("posted as %q", ct)
		}
		if status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "3")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(srv.Close)
	return &client.Client{Server: srv.URL + "//"}, &asked
}

func TestCheck(t *testing.T) {
	for server, ok := range map[string]bool{
		"http://localhost:5000": true, "https://emo.example/base/": true, "http://[::1]:5000": true,
		"": false, "localhost:5000": false, "ftp://localhost": false, "http://": false, "http://a b": false, "http://emo.example/?a=b": false, "http://emo.example?": false, "http://emo.example/#a": false, "http://\x7f": false,
	} {
		err := (&client.Client{Server: server}).Check()
		if (err == nil) != ok {
			t.Errorf("%q: %v", server, err)
		}
		if err != nil && !strings.Contains(err.Error(), "want a base URL like http://localhost:5000") {
			t.Errorf("%q: %v does not say what to do", server, err)
		}
	}
}

func TestRegister(t *testing.T) {
	c, asked := mainServer(t, 200, `{"server_url":"http://s/sub1","server_name":"sub1","user_id":"<ann&b>","message":"m","stream_url":"http://s/v1/swarm","new":1}`)
	want := wire.Assignment{ServerURL: "http://s/sub1", ServerName: "sub1", UserID: "<ann&b>", Message: "m", StreamURL: "http://s/v1/swarm"}
	for _, user := range []string{"", "<ann&b>"} {
		c.UserID = user
		if a, err := c.Register(t.Context()); a != want || err != nil {
			t.Errorf("Register = %+v, %v", a, err)
		}
	}
	if diff := cmp.Diff([]string{"GET /register", "GET /register?user_id=%3Cann%26b%3E"}, *asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestUnregister(t *testing.T) {
	c, asked := mainServer(t, 200, `{"message":"Unregistered from sub1"}`)
	if err := c.Unregister(t.Context(), "sub1"); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{`POST /unregister {"server":"sub1"}`}, *asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestSend(t *testing.T) {
	at := time.Date(2025, 1, 2, 3, 4, 5, 678e6, time.UTC)
	two := []client.Reaction{{UserID: "ann", Emoji: "🔥"}, {UserID: "bob", Emoji: "A", Timestamp: "t", Channel: "b", Count: 5}}
	for name, tt := range map[string]struct {
		status int
		body   string
		want   []client.Result
		err    string // "": none
	}{
		"some accepted": {
			200, `{"accepted":1,"rejected":1,"results":[{"accepted_at":"2025-01-02T03:04:05.678Z"},{"error":"not an emoji","code":"not_an_emoji"}]}`,
			[]client.Result{{AcceptedAt: at}, {Message: "not an emoji", Code: "not_an_emoji"}},
			"",
		},
		"none accepted": {
			422, `{"accepted":0,"rejected":2,"results":[{"error":"no","code":"a"},{"error":"no","code":"b"}]}`,
			[]client.Result{{Message: "no", Code: "a"}, {Message: "no", Code: "b"}},
			"",
		},
		"the log took none":         {503, `{"error":"the reaction was not written","code":"not_written"}`, nil, "the reaction was not written"},
		"an answer for one":         {200, `{"accepted":1,"rejected":0,"results":[{"accepted_at":"2025-01-02T03:04:05.678Z"}]}`, nil, "answered for 1 of 2 reactions"},
		"something else altogether": {200, `<html>`, nil, "not the JSON of an Emostream server"},
		"a proxy's error":           {502, `<html>`, nil, "the server answered 502 Bad Gateway"},
	} {
		t.Run(name, func(t *testing.T) {
			c, asked := mainServer(t, tt.status, tt.body)
			got, err := c.Send(t.Context(), two)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("outcomes (-want +got):\n%s", diff)
			}
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("failed with %v, want %q", err, tt.err)
			}
			if diff := cmp.Diff([]string{`POST /v1/reactions [{"user_id":"ann","emoji_type":"🔥"},{"user_id":"bob","emoji_type":"A","timestamp":"t","channel":"b","count":5}]`}, *asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSendNothing(t *testing.T) {
	c, asked := mainServer(t, 500, "")
	if got, err := c.Send(t.Context(), nil); len(got) != 0 || err != nil || len(*asked) != 0 {
		t.Errorf("Send = %v, %v after %q", got, err, *asked)
	}
}

// A refusal is returned as the server sent it, with its Retry-After.
func TestRefusal(t *testing.T) {
	c, _ := mainServer(t, 503, `{"error":"all are full","code":"full"}`)
	_, err := c.Register(t.Context())
	refused, ok := errors.AsType[*client.RefusalError](err)
	if want := (client.RefusalError{Status: 503, Code: "full", Message: "all are full", RetryAfter: 3 * time.Second}); !ok || *refused != want {
		t.Errorf("refused with %+v, want %+v", refused, want)
	}
	err = c.Unregister(t.Context(), "sub1")
	if _, ok := errors.AsType[*client.RefusalError](err); !ok {
		t.Errorf("Unregister = %v", err)
	}
}

func TestOtherServers(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
		says   string
	}{
		"another program's JSON": {200, `{"hello":"world"}`, "no Emostream server: its /register gave no stream_url"},
		"the Python system":      {200, `{"server_url":"http://s/sub1","server_name":"sub1"}`, "no Emostream server"},
		"a web page":             {200, `<html>`, "not the JSON of an Emostream server"},
		"not found":              {404, `404 page not found`, "the server answered 404 Not Found"},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := mainServer(t, tt.status, tt.body)
			if _, err := c.Register(t.Context()); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Register = %v, want %q", err, tt.says)
			}
		})
	}
}

// Where nothing listens, the error says what to do.
func TestNothingListens(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	c := &client.Client{Server: "http://" + ln.Addr().String()}
	_, registered := c.Register(t.Context())
	_, sent := c.Send(t.Context(), []client.Reaction{{UserID: "ann", Emoji: "🔥"}})
	for _, err := range []error{registered, sent, c.Unregister(t.Context(), "sub1")} {
		if err == nil || err.Error() != c.Server+" cannot be reached (connection refused): is it running? try emostream up" || !errors.Is(err, errno.Refused) {
			t.Errorf("failed with %v", err)
		}
	}
}

// A request to a server that never answers ends after 15 seconds.
func TestServerHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, map[string]http.HandlerFunc{"main": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }})
		start := time.Now()
		_, err := n.client().Register(t.Context())
		if d := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || d != 15*time.Second {
			t.Errorf("Register = %v after %v", err, d)
		}
	})
}
