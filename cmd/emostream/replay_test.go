package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/inspect/replay"
)

// acceptingServer runs a main server that accepts one reaction a request. It calls took
// after each.
func acceptingServer(t *testing.T, took func()) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"accepted":1,"rejected":0,"results":[{"accepted_at":"2026-11-23T14:42:00.000Z"}]}`)
		took()
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// An interrupted replay reports what it has sent, even while it waits for stdin.
func TestReplayInterrupted(t *testing.T) {
	const first = `{"user_id":"ann","emoji_type":"🔥","time":"2026-11-23T14:42:00Z"}` + "\n"
	const later = `{"user_id":"ann","emoji_type":"🔥","time":"2026-11-24T14:42:00Z"}` + "\n"
	silent, end := io.Pipe()
	defer end.Close()
	for name, in := range map[string]io.Reader{
		"until the next one": strings.NewReader(first + later),
		"for stdin":          io.MultiReader(strings.NewReader(first), silent),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var out, errs bytes.Buffer
			code := execute(ctx, streams{in: in, out: &out, err: &errs}, []string{"replay", "-", "--server", acceptingServer(t, cancel)})
			if code != exitInterrupted || ctx.Err() != context.Canceled {
				t.Errorf("exit code %d, %v, on stderr %q", code, ctx.Err(), errs.String())
			}
			if want := "read                   1  reactions of the recording\naccepted               1  in "; !strings.HasPrefix(out.String(), want) {
				t.Errorf("it reported %q", out.String())
			}
		})
	}
}

// While a server takes nothing, replay prints which server that is and why, whenever
// the reason changes. It also prints when the server takes reactions again.
func TestReplaySaysWhy(t *testing.T) {
	var out strings.Builder
	tell := (&replayFlags{server: "http://h:5000"}).printProgress(&out)
	for _, r := range []replay.Report{
		{Read: 1},
		{Read: 2, NotTaken: "kafka is away"},
		{Read: 3, NotTaken: "kafka is away"},
		{Read: 4, NotTaken: `Post "http://h:5000/v1/reactions": refused`},
		{Read: 5, Accepted: 5},
		{Read: 6, Accepted: 6},
	} {
		tell(r)
	}
	want := `1 read, 0 accepted
2 read, 0 accepted
not taken by http://h:5000: kafka is away
3 read, 0 accepted
4 read, 0 accepted
not taken: Post "http://h:5000/v1/reactions": refused
5 read, 5 accepted
the server takes reactions again
6 read, 6 accepted
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}
