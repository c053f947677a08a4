package loadgen_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/loadgen"
)

// The two parsers of event streams, that of internal/sse and that of the load
// generator, read the same streams alike, however the streams are cut into pieces, and
// whether chunked or not.
func TestParsersAgree(t *testing.T) {
	type events = []loadgen.ReadEvent
	type read struct {
		Events events
		LastID string
		Retry  time.Duration
	}
	const second = time.Second
	for name, tt := range map[string]struct {
		stream string
		want   read
		// What the load generator reads, if that differs: it does not support an empty
		// id that clears an earlier one. Our servers send none.
		loadgen *read
	}{
		"nothing":                     {"", read{nil, "", second}, nil},
		"an event":                    {"data: a\n\n", read{events{{"", "a"}}, "", second}, nil},
		"all fields":                  {"id: 7\nevent: swarm\nretry: 4000\ndata: {}\n\n", read{events{{"swarm", "{}"}}, "7", 4 * second}, nil},
		"two events":                  {"id: 1\nevent: x\ndata: a\n\nid: 2\ndata: b\n\n", read{events{{"x", "a"}, {"", "b"}}, "2", second}, nil},
		"CRLF":                        {"id: 1\r\ndata: a\r\n\r\ndata: b\r\n\r\n", read{events{{"", "a"}, {"", "b"}}, "1", second}, nil},
		"CRLF, then LF":               {"data: a\r\n\ndata: b\n\r\n", read{events{{"", "a"}, {"", "b"}}, "", second}, nil},
		"several lines of data":       {"data: a\ndata:\ndata: b\n\n", read{events{{"", "a\n\nb"}}, "", second}, nil},
		"several lines of data, CRLF": {"data: a\r\ndata: b\r\n\r\n", read{events{{"", "a\nb"}}, "", second}, nil},
		"one space is taken away":     {"data:a\n\ndata:  a\n\ndata: a \n\n", read{events{{"", "a"}, {"", " a"}, {"", "a "}}, "", second}, nil},
		"colons in data":              {"data: a: b:c\n\n", read{events{{"", "a: b:c"}}, "", second}, nil},
		"no data is no event":         {"event: x\n\nid: 3\n\ndata:\n\ndata\n\n", read{nil, "3", second}, nil},
		"two empty lines of data":     {"data\ndata:\n\n", read{events{{"", "\n"}}, "", second}, nil},
		"comments":                    {": hb\n\n:\n\n: x\ndata: a\n: y\n\n", read{events{{"", "a"}}, "", second}, nil},
		"other fields":                {"Data: x\nfoo: y\nbar\ndata: a\n\n", read{events{{"", "a"}}, "", second}, nil},
		"blank lines":                 {"\n\ndata: a\n\n\n\ndata: b\n\n", read{events{{"", "a"}, {"", "b"}}, "", second}, nil},
		"an id without data":          {"id: 1\ndata: a\n\nid: 2\n\n", read{events{{"", "a"}}, "2", second}, nil},
		"an id holds on":              {"id: 1\ndata: a\n\ndata: b\n\n", read{events{{"", "a"}, {"", "b"}}, "1", second}, nil},
		"a retry alone":               {"retry: 4000\n\ndata: a\n\n", read{events{{"", "a"}}, "", 4 * second}, nil},
		"a retry and no blank line":   {"retry: 4000\n", read{nil, "", 4 * second}, nil},
		"a retry, and a torn event":   {"data: a\n\nretry: 4000\nid: 9\ndata: b\n", read{events{{"", "a"}}, "", 4 * second}, nil},
		"lines in front of events":    {"retry: 9000\n:\n: hb\nid: 1\ndata: a\n\n:\nretry: 4000\ndata: b\n\n:\n", read{events{{"", "a"}, {"", "b"}}, "1", 4 * second}, nil},
		"lines in front, CRLF":        {":\r\nretry: 4000\r\n:\r\nid: 1\r\ndata: a\r\n\r\ndata: b\n\n", read{events{{"", "a"}, {"", "b"}}, "1", 4 * second}, nil},
		"a comment in CRLF, then LF":  {":\r\n\ndata: a\n\n", read{events{{"", "a"}}, "", second}, nil},
		"the last retry holds":        {"retry: 9000\n\nretry: 4000\n\n", read{nil, "", 4 * second}, nil},
		"a retry that is no number":   {"retry: 4s\n\nretry: -4\n\nretry:\n\ndata: a\n\n", read{events{{"", "a"}}, "", second}, nil},
		"a retry of a year":           {"retry: 31536000000\n\ndata: a\n\n", read{events{{"", "a"}}, "", time.Hour}, nil},
		"an event that is not ended":  {"data: a\n\nid: 9\ndata: b\n", read{events{{"", "a"}}, "", second}, nil},
		"emoji":                       {"data: 🔥\n\n", read{events{{"", "🔥"}}, "", second}, nil},
		"more than a buffer":          {"data: " + strings.Repeat("x", 20_000) + "\n\ndata: a\n\n", read{events{{"", strings.Repeat("x", 20_000)}, {"", "a"}}, "", second}, nil},
		"as much as the first buffer": {"data: " + strings.Repeat("x", 256-len("data: \n\n")) + "\n\ndata: a\n\n", read{events{{"", strings.Repeat("x", 248)}, {"", "a"}}, "", second}, nil},
		"lines that end in CR":        {"data: a\rdata: b\r\rdata: c\n\n", read{events{{"", "a\nb"}, {"", "c"}}, "", second}, nil},
		"a byte order mark":           {"\ufeffdata: a\n\n", read{events{{"", "a"}}, "", second}, nil},
		"events that end in CR":       {"data: a\r\rdata: b\r\r", read{events{{"", "a"}, {"", "b"}}, "", second}, nil},
		"CR and LF by turns":          {"data: a\n\rdata: b\r\n\rdata: c\r\r\n", read{events{{"", "a"}, {"", "b"}, {"", "c"}}, "", second}, nil},
		"comments that end in CR":     {": hb\rretry: 4000\rdata: a\r\r: hb\rdata: b\n\n", read{events{{"", "a"}, {"", "b"}}, "", 4 * second}, nil},
		"a byte order mark later":     {"data: a\n\n\ufeffdata: b\n\n", read{events{{"", "a"}}, "", second}, nil},
		"half a byte order mark":      {"\xef\xbbdata: a\n\ndata: b\n\n", read{events{{"", "b"}}, "", second}, nil},
		"an empty id after another":   {"id: 1\ndata: a\n\nid\ndata: b\n\n", read{events{{"", "a"}, {"", "b"}}, "1", second}, &read{events{{"", "a"}, {"", "b"}}, "", second}},
		"an id with NUL":              {"id: 1\x00\ndata: a\n\n", read{events{{"", "a"}}, "", second}, nil},
		"a retry with a plus":         {"retry: +4000\n\ndata: a\n\n", read{events{{"", "a"}}, "", 4 * second}, nil},
		"a retry of 0":                {"retry: 0\n\ndata: a\n\n", read{events{{"", "a"}}, "", second}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, chunked := range []bool{false, true} {
					for _, at := range cuts(len(tt.stream)) {
						server := streamServer{stream: tt.stream, chunked: chunked, cut: at}
						var programs, generator read
						programs.Events, programs.LastID, programs.Retry = readByProgram(t, server)
						if r := tt.want.Retry; r <= programs.Retry && programs.Retry <= r+r/2 { // the wait is prolonged at random
							programs.Retry = r
						}
						var err error
						generator.Events, generator.LastID, generator.Retry, err = loadgen.ReadStream(server.dial())
						if err != nil {
							t.Fatalf("load generator: %v", err)
						}
						if diff := cmp.Diff(tt.want, programs); diff != "" {
							t.Fatalf("internal/sse, %v (-want +got):\n%s", server, diff)
						}
						want := tt.want
						if tt.loadgen != nil {
							want = *tt.loadgen
						}
						if diff := cmp.Diff(want, generator); diff != "" {
							t.Fatalf("load generator, %v (-want +got):\n%s", server, diff)
						}
					}
				}
			})
		})
	}
}

// everyByte as a cut means that the stream is sent byte by byte.
const everyByte = -1

// cuts returns where to cut a stream of n bytes: everyByte, and before each byte. A
// long stream is cut only near its ends and at the ends of buffers.
func cuts(n int) []int {
	if n > 1000 {
		return []int{0, 1, 255, 256, 257, n - 2, n - 1, n}
	}
	all := []int{everyByte}
	for i := range n + 1 {
		all = append(all, i)
	}
	return all
}

// streamServer answers one request with an event stream, and ends the connection.
type streamServer struct {
	stream  string
	chunked bool // the body is chunked, with extensions and a trailer
	cut     int
}

func (s streamServer) String() string { return fmt.Sprintf("chunked %v, cut at %d", s.chunked, s.cut) }

// dial returns a connection to the server.
func (s streamServer) dial() net.Conn {
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		if _, err := http.ReadRequest(bufio.NewReader(far)); err != nil {
			return
		}
		for _, piece := range s.pieces() {
			if _, err := io.WriteString(far, piece); err != nil {
				return
			}
		}
	}()
	return near
}

// pieces returns the pieces in which the answer is written.
func (s streamServer) pieces() []string {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	one, two := s.stream, ""
	if s.cut != everyByte {
		one, two = s.stream[:s.cut], s.stream[s.cut:]
	}
	pieces := []string{head + "\r\n", one, two}
	if s.chunked {
		pieces = []string{head + "Transfer-Encoding: chunked\r\n\r\n", chunk(one), chunk(two), "0\r\nTrailer: x\r\n\r\n"}
	}
	if s.cut == everyByte {
		var all []string
		for _, b := range []byte(strings.Join(pieces, "")) {
			all = append(all, string([]byte{b}))
		}
		return all
	}
	return pieces
}

func chunk(content string) string {
	if content == "" {
		return "" // an empty chunk would end the body
	}
	return fmt.Sprintf("%x;extension=1\r\n%s\r\n", len(content), content)
}

// readByProgram returns what internal/sse reads from the stream.
func readByProgram(t *testing.T, server streamServer) (events []loadgen.ReadEvent, lastID string, retry time.Duration) {
	t.Helper()
	var connections int
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return server.dial(), nil
	}}
	defer transport.CloseIdleConnections()
	client := sse.Client{
		URL: "http://emo/", HTTP: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if connections++; connections == 2 { // this request tells where the client resumes
				lastID = r.Header.Get("Last-Event-ID")
				cancel()
				return nil, context.Canceled
			}
			return transport.RoundTrip(r)
		})},
		OnEvent: func(e sse.Event) error {
			events = append(events, loadgen.ReadEvent{Name: e.Name, Data: string(e.Data)})
			return nil
		},
		OnState: func(s sse.State) {
			if s.Phase == sse.Reconnecting && connections == 1 {
				retry = s.Wait
			}
		},
	}
	if err := client.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return events, lastID, retry
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
