package httpserve_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
)

// There is no room for a connection. A page whose origin is invited may nevertheless read
// that: its preflight succeeds, and the answer to its request has CORS headers, however
// the requests arrive.
func TestPagesWithoutRoom(t *testing.T) {
	origins, err := httpserve.ParseOrigins([]string{"https://example.com"})
	if err != nil {
		t.Fatal(err)
	}
	const (
		preflight = "OPTIONS /send_emoji HTTP/1.1\r\nHost: emo\r\nOrigin: https://example.com\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n"
		post      = "POST /send_emoji HTTP/1.1\r\nHost: emo\r\nContent-Type: application/json\r\nContent-Length: 2\r\nOrigin: https://example.com\r\n"
		end       = "\r\n"
		more      = "Cookie: "
	)
	long := "Cookie: " + strings.Repeat("x", 8000) + "\r\n"
	stranger := strings.NewReplacer("example.com", "evil.example")
	for name, tt := range map[string]struct {
		packets []string
		status  int
		allowed string
	}{
		"a preflight":                {[]string{preflight + end}, 204, "https://example.com"},
		"a long preflight":           {[]string{preflight + long + end}, 204, "https://example.com"},
		"a preflight in two packets": {[]string{preflight[:40], preflight[40:] + end}, 204, "https://example.com"},
		"a stranger's preflight":     {[]string{stranger.Replace(preflight) + end}, 503, ""},
		"a post":                     {[]string{post + end + "{}"}, 503, "https://example.com"},
		"a long post":                {[]string{post + long + end + "{}"}, 503, "https://example.com"},
		"a post in two packets":      {[]string{post[:90], post[90:] + end, "{}"}, 503, "https://example.com"},
		"a post in single bytes":     {append(strings.Split(post+end, ""), "{}"), 503, "https://example.com"},
		"a header that does not end": {[]string{post + more}, 503, "https://example.com"},
		"a stranger's post":          {[]string{stranger.Replace(post) + end + "{}"}, 503, ""},
		"plain OPTIONS":              {[]string{"OPTIONS / HTTP/1.1\r\nHost: emo\r\nOrigin: https://example.com\r\n\r\n"}, 503, "https://example.com"},
		"no HTTP":                    {[]string{"hello\r\n\r\n"}, 503, ""},
		"half a line":                {[]string{"hel"}, 503, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, conns := bounded(t, httpserve.ConnectionLimits{Origins: origins}, ok)
				c, start := p.dial(t, "192.0.2.1"), time.Now()
				go func() {
					for _, packet := range tt.packets {
						_, _ = io.WriteString(c, packet)
					}
				}()
				res, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(res.Body)
				_ = res.Body.Close()
				h := res.Header
				if err != nil || res.StatusCode != tt.status || h.Get("Access-Control-Allow-Origin") != tt.allowed || !res.Close || (tt.status == 204) != (len(body) == 0) {
					t.Errorf("answered %s %v %s, %v", res.Status, h, body, err)
				}
				if asked := h.Get("Access-Control-Allow-Headers"); (asked == "content-type") != (tt.status == 204) || (h.Get("Access-Control-Allow-Methods") == "GET, POST") != (tt.status == 204) {
					t.Errorf("the page was allowed %q", asked)
				}
				_, _ = io.Copy(io.Discard, c)
				if took := time.Since(start); took > time.Second || conns.Open() != 0 || conns.Refused() != 1 {
					t.Errorf("closed after %v; %d are open, %d were refused", took, conns.Open(), conns.Refused())
				}
			})
		})
	}
}
