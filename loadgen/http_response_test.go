package loadgen_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/loadgen"
)

func TestResponses(t *testing.T) {
	type answer struct {
		Status int
		Body   string
		Keep   bool
	}
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, tt := range map[string]struct {
		text string
		want []answer
		err  error
	}{
		"one with a length": {ok + "Content-Length: 2\r\n\r\nhi", []answer{{200, "hi", true}}, loadgen.ErrClosed},
		"two in a row":      {ok + "Content-Length: 2\r\n\r\nhi" + ok + "content-length:0\r\n\r\n", []answer{{200, "hi", true}, {200, "", true}}, loadgen.ErrClosed},
		"chunks":            {ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1;x=y\r\n!\r\n0\r\nT: x\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n", []answer{{200, "hi!", true}, {200, "", true}}, loadgen.ErrClosed},
		"close":             {ok + "Connection: Close\r\nContent-Length: 1\r\n\r\nx", []answer{{200, "x", false}}, nil},
		"HTTP/1.0":          {"HTTP/1.0 200 OK\r\nServer: Werkzeug\r\n\r\n{\"a\":1}", []answer{{200, `{"a":1}`, false}}, nil},
		"HTTP/1.0, kept":    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", []answer{{200, "x", true}}, loadgen.ErrClosed},
		"no content":        {"HTTP/1.1 204 No Content\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n", []answer{{204, "", true}, {200, "", true}}, loadgen.ErrClosed},
		"go on first":       {"HTTP/1.1 100 Continue\r\n\r\n" + ok + "Content-Length: 1\r\n\r\nx", []answer{{200, "x", true}}, loadgen.ErrClosed},
		"no reason":         {"HTTP/1.1 503 \r\nContent-Length: 0\r\n\r\n", []answer{{503, "", true}}, loadgen.ErrClosed},

		"nothing":                  {"", nil, loadgen.ErrClosed},
		"half a header":            {"HTTP/1.1 200 OK\r\nCont", nil, loadgen.ErrClosed},
		"half a body":              {ok + "Content-Length: 5\r\n\r\nhi", nil, loadgen.ErrClosed},
		"half a chunk":             {ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhi", nil, loadgen.ErrClosed},
		"another protocol":         {"SSH-2.0-OpenSSH_9\r\n\r\n", nil, loadgen.ErrMalformed},
		"HTTP/2":                   {"HTTP/2 200\r\n\r\n", nil, loadgen.ErrMalformed},
		"a status of letters":      {"HTTP/1.1 2x0 OK\r\n\r\n", nil, loadgen.ErrMalformed},
		"a long status":            {"HTTP/1.1 2000 OK\r\n\r\n", nil, loadgen.ErrMalformed},
		"a negative length":        {ok + "Content-Length: -1\r\n\r\n", nil, loadgen.ErrMalformed},
		"two lengths":              {ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", nil, loadgen.ErrMalformed},
		"a length and chunks":      {ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", nil, loadgen.ErrMalformed},
		"an unknown encoding":      {ok + "Transfer-Encoding: gzip\r\n\r\n", nil, loadgen.ErrMalformed},
		"a space before a colon":   {ok + "Content-Length : 1\r\n\r\nx", nil, loadgen.ErrMalformed},
		"a chunk of no number":     {ok + "Transfer-Encoding: chunked\r\n\r\nx\r\n", nil, loadgen.ErrMalformed},
		"a chunk longer than said": {ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nhi\r\n", nil, loadgen.ErrMalformed},
		"a line end of LF":         {ok + "Transfer-Encoding: chunked\r\n\r\n1\nx\n", nil, loadgen.ErrMalformed},
		"a header line end of LF":  {"HTTP/1.1 200 OK\nContent-Length: 1\r\n\r\nx", nil, loadgen.ErrMalformed},
		"an endless header":        {ok + strings.Repeat("A: b\r\n", 20_000), nil, loadgen.ErrMalformed},
		"an endless chunk line":    {ok + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("0", 10_000), nil, loadgen.ErrMalformed},
		"a gigantic body":          {ok + "Content-Length: 999999999999\r\n\r\n", nil, loadgen.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			for how, from := range map[string]io.Reader{"at once": strings.NewReader(tt.text), "byte by byte": iotest.OneByteReader(strings.NewReader(tt.text))} {
				if how == "byte by byte" && len(tt.text) > 10_000 {
					continue
				}
				status, bodies, keep, err := loadgen.ReadResponses(from)
				var got []answer
				for i := range status {
					got = append(got, answer{status[i], bodies[i], keep[i]})
				}
				if diff := cmp.Diff(tt.want, got); diff != "" || !errors.Is(err, tt.err) {
					t.Errorf("%s: ends with %v, want %v; answers (-want +got):\n%s", how, err, tt.err, diff)
				}
			}
		})
	}
}

// The reader reads what net/http writes, and net/http understands what the reader
// accepts in the same way.
func FuzzResponses(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"))
	f.Add([]byte("HTTP/1.0 200 OK\r\n\r\nhi"))
	f.Add([]byte("HTTP/1.1 204 \r\n\r\nHTTP/1.1 200 OK\r\n\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		status, bodies, _, _ := loadgen.ReadResponses(bytes.NewReader(text))
		if len(status) == 0 || status[0] == 101 {
			return
		}
		wantStatus, wantBody, err := readByNetHTTP(text)
		if err == nil && (wantStatus != status[0] || wantBody != bodies[0]) {
			t.Errorf("%q is read as %d %q, want %d %q", text, status[0], bodies[0], wantStatus, wantBody)
		}
	})
}

// readByNetHTTP reads the first answer with net/http. That is stricter about names and
// values that do not matter here.
func readByNetHTTP(text []byte) (status int, body string, err error) {
	from := bufio.NewReader(bytes.NewReader(text))
	for {
		res, err := http.ReadResponse(from, &http.Request{Method: http.MethodPost})
		if err != nil {
			return 0, "", err
		}
		b, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode >= 200 {
			return res.StatusCode, string(b), err
		}
	}
}

// The content of a body does not depend on how the body is cut into pieces.
func FuzzDecodeChunks(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\n\r\n"), 3, 9)
	f.Add([]byte("A;ext\r\n0123456789\r\n1\r\nx\r\n0\r\nTrailer: y\r\n\r\nrest"), 1, 2)
	f.Fuzz(func(t *testing.T, text []byte, i, j int) {
		whole, done, err := loadgen.DecodeChunks(text)
		i = max(0, min(i, len(text)))
		j = max(i, min(j, len(text)))
		pieces, donePieces, errPieces := loadgen.DecodeChunks(text[:i], text[i:j], text[j:])
		if (err == nil) != (errPieces == nil) || err == nil && (whole != pieces || done != donePieces) {
			t.Errorf("whole: %q, %v, %v; in pieces: %q, %v, %v", whole, done, err, pieces, donePieces, errPieces)
		}
	})
}
