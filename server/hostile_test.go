package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/stream"
)

// posting is the header of a request, but for the length of its body.
const posting = "POST /send_emoji HTTP/1.1\r\nHost: emo\r\nContent-Type: application/json\r\n"

// posted returns a whole request with the given body.
func posted(body string) string {
	return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", posting, len(body), body)
}

// statuses reads answers until the connection ends or is silent for an hour, and
// returns their status codes.
func statuses(t *testing.T, c net.Conn) (got []int, closed bool) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(time.Hour))
	in := bufio.NewReader(c)
	for {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return got, !errors.Is(err, context.DeadlineExceeded) && !isTimeout(err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Errorf("answer %d broke off: %v", res.StatusCode, err)
		}
		_ = res.Body.Close()
		got = append(got, res.StatusCode)
	}
}

func isTimeout(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout()
}

// Whatever a client sends, it is served, refused or cut off within a bounded time. The
// log holds only reactions that were answered with 200. Other clients are served
// meanwhile.
func TestHostileRequests(t *testing.T) {
	const bad = `{"user_id":"ann","emoji_type":"A"}`
	for name, tt := range map[string]struct {
		said string
		want []int
	}{
		"pipelined":                         {posted(tap) + posted(bad) + posted(tap), []int{200, 422, 200}},
		"HTTP/1.0":                          {strings.Replace(posted(tap), "HTTP/1.1", "HTTP/1.0", 1), []int{200}},
		"HTTP/1.0 without length":           {"POST /send_emoji HTTP/1.0\r\nContent-Type: application/json\r\n\r\n" + tap, []int{400}},
		"HTTP/1.0, pipelined":               {strings.Replace(posted(tap), "HTTP/1.1", "HTTP/1.0", 1) + posted(tap), []int{200}},
		"HTTP/0.9":                          {"GET /healthz\r\n\r\n", []int{400}},
		"HTTP/3.0":                          {"GET /healthz HTTP/3.0\r\nHost: emo\r\n\r\n", []int{505}},
		"the preface of HTTP/2":             {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []int{400}},
		"the beginning of TLS":              {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", []int{400}},
		"no host":                           {"GET /healthz HTTP/1.1\r\n\r\n", []int{400}},
		"two hosts":                         {"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", []int{400}},
		"a host of nonsense":                {"GET /healthz HTTP/1.1\r\nHost: a b/\x01\r\n\r\n", []int{400}},
		"NUL in a header":                   {"GET /healthz HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n", []int{400}},
		"a folded header":                   {"GET /healthz HTTP/1.1\r\nHost: a\r\n X: y\r\n\r\n", []int{400}},
		"a header with a space":             {"GET /healthz HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", []int{400}},
		"large headers":                     {"GET /healthz HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 15) + "\r\n", []int{200}},
		"too large headers":                 {"GET /healthz HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 17) + "\r\n", []int{431}},
		"huge headers":                      {"GET /healthz HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 1000) + "\r\n", []int{431}},
		"a header without end":              {"GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("y", 1<<20), []int{431}},
		"a line without end":                {"GET /" + strings.Repeat("y", 1<<20), []int{431}},
		"half a header":                     {posting, nil},
		"nothing at all":                    {"", nil},
		"new lines":                         {"\r\n\r\n\r\n", []int{400}},
		"a length that is too long":         {posting + "Content-Length: 100\r\n\r\n" + tap, []int{408}},
		"a length that is too short":        {posting + "Content-Length: 10\r\n\r\n" + tap, []int{400, 400}},
		"a length below zero":               {posting + "Content-Length: -1\r\n\r\n" + tap, []int{400}},
		"a length of nonsense":              {posting + "Content-Length: ten\r\n\r\n" + tap, []int{400}},
		"a length with a sign":              {posting + "Content-Length: +37\r\n\r\n" + tap, []int{400}},
		"two lengths":                       {posting + "Content-Length: 37\r\nContent-Length: 3\r\n\r\n" + tap, []int{400}},
		"a length beyond all measure":       {posting + "Content-Length: 9223372036854775807\r\n\r\n" + tap, []int{413}},
		"a length beyond counting":          {posting + "Content-Length: 99999999999999999999\r\n\r\n" + tap, []int{400}},
		"no body":                           {posting + "\r\n", []int{400}},
		"an unknown coding":                 {posting + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", []int{501}},
		"chunked twice":                     {posting + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", []int{501}},
		"chunks of nonsense":                {posting + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + tap, []int{400}},
		"a chunk below zero":                {posting + "Transfer-Encoding: chunked\r\n\r\n-5\r\n" + tap, []int{400}},
		"a chunk beyond all measure":        {posting + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" + tap, []int{400}},
		"a chunk that is longer than said":  {posting + "Transfer-Encoding: chunked\r\n\r\n2\r\n" + tap + "\r\n0\r\n\r\n", []int{400}},
		"chunks that do not end":            {posting + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", []int{408}},
		"chunks of one byte":                {posting + "Transfer-Encoding: chunked\r\n\r\n" + oneByOne(tap) + "0\r\n\r\n", []int{200}},
		"a chunk with a huge extension":     {posting + "Transfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("x", 1<<16) + "\r\n{", []int{400}},
		"a huge trailer":                    {posting + "Transfer-Encoding: chunked\r\n\r\n" + oneByOne(tap) + "0\r\nX: " + strings.Repeat("y", 1<<20) + "\r\n\r\n", []int{400}},
		"an expectation":                    {posting + "Expect: 100-continue\r\nContent-Length: 37\r\n\r\n" + tap, []int{100, 200}},
		"an expectation of nonsense":        {posting + "Expect: miracles\r\nContent-Length: 37\r\n\r\n" + tap, []int{417}},
		"an upgrade":                        {"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", []int{200}},
		"a tunnel":                          {"CONNECT emo:80 HTTP/1.1\r\nHost: emo:80\r\n\r\n", []int{404}},
		"another server's path":             {"GET http://evil.example/healthz HTTP/1.1\r\nHost: emo\r\n\r\n", []int{200}},
		"a path of dots":                    {"GET /../../etc/passwd HTTP/1.1\r\nHost: emo\r\n\r\n", []int{404}},
		"no path":                           {"POST http://emo HTTP/1.1\r\nHost: emo\r\n\r\n", []int{404}},
		"a path of nonsense":                {"GET /%zz HTTP/1.1\r\nHost: emo\r\n\r\n", []int{400}},
		"an array of brackets":              {strings.Replace(posted(strings.Repeat("[", 1<<14)), "/send_emoji", "/v1/reactions", 1), []int{400}},
		"a stream of lines that stops":      {"POST /v1/reactions HTTP/1.1\r\nHost: emo\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n", []int{408}},
		"a body, and a body that breaks":    {posted(tap) + posting + "Content-Length: 99\r\n\r\n{", []int{200, 408}},
		"a request smuggled behind another": {posting + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + posted(tap), []int{400, 200}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				appended := 0
				s := serve(t, mainServer(func(_ context.Context, records []stream.Record) error { appended += len(records); return nil }))
				c := s.dial()
				go func() { _, _ = io.WriteString(c, tt.said) }() // the server may close the connection before all is sent
				start := time.Now()
				got, closed := statuses(t, c)
				took := time.Since(start)
				if !slices.Equal(got, tt.want) {
					t.Errorf("answered %v, want %v", got, tt.want)
				}
				if !closed || took > 3*time.Minute { // longer than a connection may be idle
					t.Errorf("the connection was closed: %v, after %v", closed, took)
				}
				accepted := 0
				for _, status := range got {
					if status == http.StatusOK && strings.Contains(tt.said, "POST") {
						accepted++
					}
				}
				if appended != accepted {
					t.Errorf("%d are in the log, and %d were accepted", appended, accepted)
				}
				if other := s.do("POST", "/send_emoji", "application/json", strings.NewReader(tap)); other.status != http.StatusOK {
					t.Errorf("another client was answered %+v", other)
				}
			})
		})
	}
}

// oneByOne returns a text as HTTP chunks of one byte each.
func oneByOne(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "1\r\n%s\r\n", s[i:i+1])
	}
	return b.String()
}

// Clients that are slow in any part of a request are cut off, and other clients are
// served meanwhile.
func TestSlowClients(t *testing.T) {
	for name, tt := range map[string]struct {
		first  string        // sent at once
		then   string        // then sent again and again, one byte a second
		status []int         // of the answers
		within time.Duration // from the beginning until the connection is closed, which may be up to 2 s later
	}{
		"a slow header":       {"POST /send_emoji HTTP/1.1\r\nHost: emo\r\n", "X: slow-loris-slow-loris\r\n", nil, 5 * time.Second},
		"a slow request":      {"", "POST", []int{400}, 5 * time.Second},
		"nothing":             {"", "", nil, 5 * time.Second},
		"a slow body":         {posting + "Content-Length: 10000\r\n\r\n", " ", []int{408}, 15 * time.Second},
		"slow chunks":         {posting + "Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n", []int{408}, 15 * time.Second},
		"a slow array":        {strings.Replace(posting, "/send_emoji", "/v1/reactions", 1) + "Content-Length: 1000000\r\n\r\n[", " ", []int{408}, 5 * time.Second},
		"an array to come":    {strings.Replace(posting, "/send_emoji", "/v1/reactions", 1) + "Content-Length: 4194304\r\n\r\n", "", []int{408}, 5 * time.Second},
		"a slow unregister":   {strings.Replace(posting, "/send_emoji", "/unregister", 1) + "Content-Length: 1000\r\n\r\n", " ", []int{400}, 15 * time.Second},
		"a slow body to none": {"POST /nothing HTTP/1.1\r\nHost: emo\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n", " ", []int{404}, 15 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, mainServer(taken))
				start := time.Now()
				type outcome struct {
					status []int
					closed bool
					after  time.Duration
				}
				outcomes := make(chan outcome)
				var slow sync.WaitGroup
				defer slow.Wait()
				for range 64 {
					c := s.dial()
					slow.Go(func() {
						_, err := io.WriteString(c, tt.first)
						for i := 0; err == nil && tt.then != ""; i++ {
							<-time.After(time.Second)
							_, err = io.WriteString(c, tt.then[i%len(tt.then):][:1])
						}
					})
					go func() {
						got, closed := statuses(t, c)
						outcomes <- outcome{got, closed, time.Since(start)}
					}()
				}
				<-time.After(time.Second)
				before := time.Now()
				for range 100 {
					if got := s.do("POST", "/send_emoji", "application/json", strings.NewReader(tap)); got.status != http.StatusOK || time.Since(before) > 0 {
						t.Errorf("another client was answered %+v after %v", got, time.Since(before))
					}
				}
				for range 64 {
					if got := <-outcomes; !slices.Equal(got.status, tt.status) || !got.closed || got.after < tt.within || got.after > tt.within+2*time.Second {
						t.Errorf("answered %v, closed %v, after %v; want %v after %v", got.status, got.closed, got.after, tt.status, tt.within)
					}
				}
			})
		})
	}
}

// A client that sends requests and never reads an answer is cut off.
func TestClientThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, mainServer(taken))
		c := s.dial()
		start := time.Now()
		var err error
		for err == nil {
			_, err = io.WriteString(c, posted(tap))
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("cut off after %v", took)
		}
	})
}

// A request that takes long because the log is slow is not cut off. The requests are an
// array and a stream whose batches take five seconds each.
func TestSlowLog(t *testing.T) {
	items := strings.Repeat(`,{"user_id":"ann","emoji_type":"🔥","count":100}`, 1000)[1:]
	for contentType, body := range map[string]string{
		"application/json":     "[" + items + "]",
		"application/x-ndjson": strings.ReplaceAll(items, "},", "}\n"),
	} {
		t.Run(contentType, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, mainServer(func(ctx context.Context, _ []stream.Record) error {
					select {
					case <-time.After(5 * time.Second):
						return nil
					case <-ctx.Done():
						return stream.ErrNotWritten
					}
				}))
				start := time.Now()
				if got := s.do("POST", "/v1/reactions", contentType, strings.NewReader(body)); got.status != http.StatusOK || !strings.Contains(got.body, `"accepted":1000,"rejected":0`) || time.Since(start) < time.Minute {
					t.Errorf("answered %d %.200s %v after %v", got.status, got.body, got.err, time.Since(start))
				}
			})
		})
	}
}

// Bodies that are announced and do not come take nothing from others, however many there
// are and as often as they are renewed.
func TestAnnouncedBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, mainServer(taken))
		stop := make(chan struct{})
		var attack sync.WaitGroup
		for range 100 {
			attack.Go(func() {
				for {
					c := s.dial()
					_, _ = io.WriteString(c, strings.Replace(posting, "/send_emoji", "/v1/reactions", 1)+"Content-Length: 4194304\r\n\r\n")
					_, _ = io.Copy(io.Discard, c)
					select {
					case <-stop:
						return
					default:
					}
				}
			})
		}
		array := "[" + strings.Repeat(tap+",", 999) + tap + "]"
		for range 20 {
			start := time.Now()
			for _, body := range []string{tap, array} {
				if got := s.do("POST", "/v1/reactions", "application/json", strings.NewReader(body)); got.status != http.StatusOK || time.Since(start) > 0 {
					t.Errorf("another client was answered %d %.100s after %v", got.status, got.body, time.Since(start))
				}
			}
			<-time.After(time.Second)
		}
		close(stop)
		attack.Wait()
	})
}

// A large body may take long if it keeps up the least pace. Its answer arrives.
func TestLargeBodyAtTheLeastPace(t *testing.T) {
	const perSecond = 16 << 10
	for name, tt := range map[string]struct {
		perSecond int
		status    int
		took      time.Duration
	}{
		"just fast enough": {perSecond, 200, 100 * time.Second},
		"a little slower":  {perSecond - perSecond/16, 408, 64 * time.Second}, // it loses a second in 16, and has 4 to lose
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, mainServer(taken))
				c := s.dial()
				body := "[" + tap + strings.Repeat(" ", 100*perSecond-len(tap)-2) + "]"
				start := time.Now()
				go func() {
					_, err := fmt.Fprintf(c, "%sContent-Length: %d\r\nConnection: close\r\n\r\n", strings.Replace(posting, "/send_emoji", "/v1/reactions", 1), len(body))
					for rest := body; rest != "" && err == nil; rest = rest[min(len(rest), tt.perSecond):] {
						<-time.After(time.Second)
						_, err = io.WriteString(c, rest[:min(len(rest), tt.perSecond)])
					}
				}()
				got, _ := statuses(t, c)
				if took := time.Since(start); !slices.Equal(got, []int{tt.status}) || took < tt.took || took > tt.took+2*time.Second {
					t.Errorf("answered %v after %v, want %d after %v", got, took, tt.status, tt.took)
				}
				<-time.After(2 * time.Second) // until the writer has noticed
			})
		})
	}
}
