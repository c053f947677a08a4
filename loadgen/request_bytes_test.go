package loadgen_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/loadgen"
)

// variables is what ${NAME} and @FILE stand for in these tests.
func variables(name string) (string, error) {
	known := map[string]string{
		"TOKEN": "s3cret", "@token.txt": "from a file", "BAD": "s3cret\r\nX: y", "ODD": "{{seq}} & ${TOKEN}", "USER": "a:n", "PASSWORD": "p@ss/w",
	}
	if v, ok := known[name]; ok {
		return v, nil
	}
	return "", errors.New("there is none")
}

const (
	postHead = "POST /pub HTTP/1.1\r\nHost: 127.0.0.1:1\r\n"
	jsonLine = "Content-Type: application/json\r\n"
)

// These are the bytes of a request to another service: its path, headers and body.
func TestRequestBytes(t *testing.T) {
	due := time.Date(2026, 11, 30, 16, 0, 0, 250e6, time.UTC)
	for name, tt := range map[string]struct {
		url     string // default http://127.0.0.1:1/pub
		headers []string
		body    string // default x
		want    string
	}{
		"nothing of its own":     {want: postHead + jsonLine + "Content-Length: 1\r\n\r\nx"},
		"placeholders in bodies": {body: "{{marker}} {{ time }} {{seq}} {{user}} {{emoji}}", want: postHead + jsonLine + "Content-Length: 47\r\n\r\nrun7z 2026-11-30T16:00:00.250Z 7 bench-907 😂"},
		"text that is none":      {body: `{"a":{"b":{{seq}}}} {{}} {{1}} ${TOKEN} {{ `, want: postHead + jsonLine + "Content-Length: 37\r\n\r\n" + `{"a":{"b":7}} {{}} {{1}} ${TOKEN} {{ `},
		"placeholders in a URL": {
			url:  "http://127.0.0.1:1/p%20ub/{{user}}/x y?u={{user}}&t={{time}}&m={{marker}}&e={{emoji}}#f",
			want: "POST /p%20ub/bench-907/x%20y?u=bench-907&t=2026-11-30T16%3A00%3A00.250Z&m=run7z&e=%F0%9F%98%82 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n" + jsonLine + "Content-Length: 1\r\n\r\nx",
		},
		"a variable in a URL": {url: "http://127.0.0.1:1/pub?a=${ODD}", want: "POST /pub?a=%7B%7Bseq%7D%7D%20%26%20%24%7BTOKEN%7D HTTP/1.1\r\nHost: 127.0.0.1:1\r\n" + jsonLine + "Content-Length: 1\r\n\r\nx"},
		"headers": {
			headers: []string{"authorization: Bearer ${TOKEN}", "X-Trace:{{marker}}-{{user}}", "X-Empty:", "X-A: 1", "X-A: 2"},
			want:    postHead + jsonLine + "Authorization: Bearer s3cret\r\nX-Trace: run7z-bench-907\r\nX-Empty: \r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 1\r\n\r\nx",
		},
		"a variable is no template": {headers: []string{"X-A: ${ODD}"}, want: postHead + jsonLine + "X-A: {{seq}} & ${TOKEN}\r\nContent-Length: 1\r\n\r\nx"},
		"files": {
			headers: []string{"X-A: @token.txt", "X-B: Bearer @token.txt", "X-C: ann@example.com", "X-D: @{{user}}"},
			want:    postHead + jsonLine + "X-A: from a file\r\nX-B: Bearer from a file\r\nX-C: ann@example.com\r\nX-D: @bench-907\r\nContent-Length: 1\r\n\r\nx",
		},
		"its own in place of ours": {
			headers: []string{"content-type: text/plain", "host: emo.example", "Connection: close"},
			want:    "POST /pub HTTP/1.1\r\nHost: emo.example\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
		},
		"a user and a password": {url: "http://ann:p%40ss@127.0.0.1:1/pub", want: postHead + jsonLine + "Authorization: Basic YW5uOnBAc3M=\r\nContent-Length: 1\r\n\r\nx"},
		"a user alone":          {url: "http://ann@127.0.0.1:1/pub", want: postHead + jsonLine + "Authorization: Basic YW5uOg==\r\nContent-Length: 1\r\n\r\nx"},
		"both from variables":   {url: "http://${USER}:${PASSWORD}@127.0.0.1:1/pub", want: postHead + jsonLine + "Authorization: Basic YTpuOnBAc3Mvdw==\r\nContent-Length: 1\r\n\r\nx"},
		"a header in their place": {
			url: "http://ann:x@127.0.0.1:1/pub", headers: []string{"Authorization: y"},
			want: postHead + jsonLine + "Authorization: y\r\nContent-Length: 1\r\n\r\nx",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.url == "" {
				tt.url = "http://127.0.0.1:1/pub"
			}
			if tt.body == "" {
				tt.body = "x"
			}
			got, err := loadgen.RequestBytes(t.Context(), loadgen.Config{Publish: &loadgen.Publish{PostURL: tt.url, Body: tt.body}, Headers: tt.headers, Variable: variables}, 7, due)
			if got != tt.want || err != nil {
				t.Errorf("got %q, %v\nwant %q", got, err, tt.want)
			}
		})
	}
}

// Requests to Emostream and those of listeners have the headers, too, with what belongs
// to a listener in place of its number.
func TestRequestBytesOfEmostream(t *testing.T) {
	cfg := loadgen.Config{Server: "http://ann:x@127.0.0.1:1/base/", Headers: []string{"X-User: {{user}}", "X-Marker: {{marker}}", "Content-Type: application/json; charset=utf-8", "Accept: */*"}}
	got, err := loadgen.RequestBytes(t.Context(), cfg, 7, time.UnixMilli(0))
	head, body, _ := strings.Cut(got, "\r\n\r\n")
	const auth, own = "Authorization: Basic YW5uOng=\r\n", "X-User: bench-907\r\nX-Marker: run7z\r\nAccept: */*\r\n"
	if want := "POST /base/send_emoji HTTP/1.1\r\nHost: 127.0.0.1:1\r\nContent-Type: application/json; charset=utf-8\r\n" + auth + own + "Content-Length: 96"; head != want || err != nil {
		t.Errorf("got %q, %v\nwant %q", head, err, want)
	}
	if want := `{"user_id":"bench-907","emoji_type":"😂","timestamp":"1970-01-01T00:00:00.000Z","channel":"c"}`; body != want {
		t.Errorf("got %q\nwant %q", body, want)
	}
	register, stream, err := loadgen.ListenerBytes(t.Context(), cfg, 1003)
	const of = "X-User: bench-3\r\nX-Marker: runl1003z\r\n"
	if want := "GET /register HTTP/1.1\r\nHost: 127.0.0.1:1\r\n" + auth + of + "Accept: */*\r\n\r\n"; register != want || err != nil {
		t.Errorf("got %q, %v\nwant %q", register, err, want)
	}
	if want := "GET /sub HTTP/1.1\r\nHost: 127.0.0.1:1\r\nAccept: text/event-stream\r\nCache-Control: no-store\r\n" + auth + of; stream != want {
		t.Errorf("got %q\nwant %q", stream, want)
	}
	_, stream, err = loadgen.ListenerBytes(t.Context(), loadgen.Config{Publish: &loadgen.Publish{
		PostURL: "http://127.0.0.1:1", StreamURLs: []string{"http://bob:y@127.0.0.1:2/sub?user={{user}}&n={{seq}}"},
	}}, 3)
	if want := "GET /sub?user=bench-3&n=3 HTTP/1.1\r\nHost: 127.0.0.1:2\r\nAccept: text/event-stream\r\nCache-Control: no-store\r\nAuthorization: Basic Ym9iOnk=\r\n"; stream != want || err != nil {
		t.Errorf("got %q, %v\nwant %q", stream, err, want)
	}
}

// What cannot be sent is refused by name, and no error tells a secret.
func TestRequestsThatAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		server, post, stream, body string
		contentType                string
		headers                    []string
		want                       string
	}{
		"an unknown placeholder in a body": {body: "{{usr}}", want: "the body: there is no {{usr}}: there is {{marker}}, {{time}}, {{seq}}, {{user}}, {{emoji}} and {{line}}"},
		"one in a header":                  {headers: []string{"X-A: s3cret {{usr}}"}, want: "header 1: X-A: there is no {{usr}}: there is"},
		"one in a URL":                     {post: "http://127.0.0.1:1/{{usr}}", want: "there is no {{usr}}"},
		"one in the URL of a stream":       {stream: "http://127.0.0.1:1/?{{usr}}", want: "there is no {{usr}}"},
		"one in a host":                    {post: "http://{{user}}.example/", want: "placeholders stand in the path and in the query of a URL, and in no host"},
		"one in a user":                    {post: "http://{{user}}:s3cret@127.0.0.1:1/", want: "and in no host, user or password"},
		"one in a password":                {stream: "http://a:s3cret{{user}}@127.0.0.1:1/", want: "and in no host, user or password"},
		"a line break in the body's type":  {contentType: "text/plain\r\nX-A: s3cret", want: "the type of the body holds a line break"},
		"two of what we send ourselves":    {headers: []string{"Cache-Control: no-cache", "Cache-Control: s3cret"}, want: "header 2: Cache-Control was given before"},
		"one in a server":                  {server: "http://127.0.0.1/{{user}}", want: "placeholders stand in no path of a server"},
		"a body without a marker":          {stream: "http://127.0.0.1:1", body: "{{seq}}", want: "the body holds no {{marker}}"},
		"no URL":                           {post: "ftp://ann:s3cret@x", want: `"ftp://…@x": want a URL`},
		"no scheme":                        {post: "ann:s3cret@x", want: `"…@x": want a URL`},
		"no colon":                         {headers: []string{"X-A: 1", "Bearer s3cret"}, want: "header 2: it has no colon: want 'Name: value'"},
		"no name":                          {headers: []string{": s3cret"}, want: "header 1: what stands before the colon is no name"},
		"a blank in a name":                {headers: []string{"Bearer s3cret: x"}, want: "header 1: what stands before the colon is no name"},
		"a line break":                     {headers: []string{"X-A: s3cret\r\nX-B: 1"}, want: "header 1: X-A: its value holds a line break"},
		"a line break of a variable":       {headers: []string{"X-A: ${BAD}"}, want: "header 1: X-A: its value holds a line break"},
		"an unknown variable":              {headers: []string{"X-A: ${NONE}"}, want: "header 1: X-A: ${NONE}: there is none"},
		"an unknown file":                  {headers: []string{"X-A: Bearer @none"}, want: "header 1: X-A: there is none"},
		"a length":                         {headers: []string{"content-length: 1"}, want: "Content-Length cannot be given: the length of a body is counted"},
		"a transfer encoding":              {headers: []string{"Transfer-Encoding: chunked"}, want: "Transfer-Encoding cannot be given"},
		"an encoding":                      {headers: []string{"Accept-Encoding: gzip"}, want: "Accept-Encoding cannot be given"},
		"an upgrade":                       {headers: []string{"Connection: Upgrade"}, want: "Connection cannot be given: close alone"},
		"two hosts":                        {headers: []string{"Host: a", "host: b"}, want: "header 2: Host was given before"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := loadgen.Config{Server: tt.server, Headers: tt.headers, Variable: variables}
			if tt.server == "" {
				if tt.post == "" {
					tt.post = "http://127.0.0.1:1"
				}
				cfg.Publish = &loadgen.Publish{PostURL: tt.post, Body: tt.body, ContentType: tt.contentType}
				if tt.stream != "" {
					cfg.Publish.StreamURLs = []string{tt.stream}
				}
			}
			err := cfg.Check()
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("got %v\nwant %s", err, tt.want)
			}
		})
	}
}
