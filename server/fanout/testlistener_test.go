package fanout_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// epoch is the start of window 1, ms; windows are two seconds long. It is hours before the
// time at which tests in synctest begin, so that no window is ahead of the clock.
const epoch = 946684800_000 - 10_000_000

// swarm returns a swarm of window n of the main channel.
func swarm(n int, total int64, emojis ...wire.EmojiCount) wire.Swarm {
	end := int64(epoch + 2000*n)
	if emojis == nil {
		emojis = []wire.EmojiCount{}
	}
	return wire.Swarm{Channel: wire.MainChannel, Window: wire.Window{Start: end - 2000, End: end}, Total: total, Emojis: emojis}
}

// elsewhere returns a swarm moved to another channel.
func elsewhere(channel string, s wire.Swarm) wire.Swarm {
	s.Channel = channel
	return s
}

func encode(s wire.Swarm) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a slip in the test
	}
	return b
}

// frames takes a stream apart, line by line. It returns each event when it has ended, and
// each line that may stand in front of an event (a comment or retry:) when it has come.
type frames struct{ unfinished string }

// line takes in a line. It returns the frame that the line completes, in the short form
// of the tests, or nothing.
func (f *frames) line(line string) string {
	if between := strings.HasPrefix(line, ":") || strings.HasPrefix(line, "retry:"); between && f.unfinished == "" && strings.HasSuffix(line, "\n") {
		return short(line)
	}
	f.unfinished += line
	if line != "\n" {
		return ""
	}
	frame := f.unfinished
	f.unfinished = ""
	return short(frame)
}

// short returns a frame in the short form of the tests. 3=10 is a swarm of window 3
// with a total of 10, 3=10* is the same without an id, 🔥 is a single emoji. retry:2000
// and : stand for themselves, heartbeat is that event,
// paused and open are those that tell the state of the channel, of a farewell there are the data. An event without data is EMPTY.
func short(frame string) string {
	var id, event, data string
	for line := range strings.Lines(frame) {
		line = strings.TrimSuffix(line, "\n")
		if v, ok := strings.CutPrefix(line, "id: "); ok {
			id = v
		} else if v, ok := strings.CutPrefix(line, "event: "); ok {
			event = v
		} else if v, ok := strings.CutPrefix(line, "data: "); ok {
			data = v
		} else if line != "" {
			return strings.ReplaceAll(line, " ", "")
		}
	}
	if data == "" {
		return "EMPTY"
	}
	if event == "heartbeat" && id == "" && data == "{}" {
		return event
	}
	if state, err := wire.DecodeChannelState([]byte(data)); event == "state" && id == "" && err == nil {
		return state.State
	}
	if event == "" || event == "farewell" && id == "" {
		return strings.Trim(data, `"`)
	}
	s, err := wire.DecodeSwarm([]byte(data))
	if err != nil || event != "swarm" || id != "" && id != strconv.FormatInt(s.Window.End, 10) {
		return fmt.Sprintf("%q", frame)
	}
	out := fmt.Sprintf("%d=%d", (s.Window.End-epoch)/2000, s.Total)
	if id == "" {
		out += "*"
	}
	return out
}

// listener reads a stream for as long as it lasts.
type listener struct {
	leave context.CancelFunc

	mu    sync.Mutex
	got   []string
	ended error // io.EOF when the server ended it
}

// listen opens a stream, once all that was published has reached the server.
// lastEventID may be empty.
func (in *installation) listen(t *testing.T, path, lastEventID string) *listener {
	t.Helper()
	synctest.Wait()
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://emo"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(req.Header, in.header)
	if lastEventID != "" {
		req.Header.Set("Last-Event-ID", lastEventID)
	}
	res, err := in.client.Do(req) //nolint:bodyclose // it is, by the goroutine that reads it
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s answered %d", path, res.StatusCode)
	}
	l := &listener{leave: leave}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer res.Body.Close()
		l.read(res.Body)
	}()
	t.Cleanup(func() {
		leave()
		<-done
	})
	return l
}

// ask requests a stream, and reads nothing of the answer.
func (in *installation) ask(t *testing.T, path string) net.Conn {
	t.Helper()
	synctest.Wait()
	c, err := in.net.dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: emo\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return c
}

// body reads the head of an answer, and returns the reader of what follows it.
func body(t *testing.T, c net.Conn) io.Reader {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(c), nil) //nolint:bodyclose // with its connection: it would be read to its end
	if err != nil {
		t.Fatal(err)
	}
	return res.Body
}

// open opens a stream and reads its first frame only. It returns the reader of the
// rest.
func (in *installation) open(t *testing.T, path string) io.Reader {
	t.Helper()
	r := body(t, in.ask(t, path))
	if _, err := io.ReadFull(r, make([]byte, len("retry: 2000\n"))); err != nil {
		t.Fatal(err)
	}
	return r
}

func (l *listener) read(r io.Reader) {
	var frames frames
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		l.mu.Lock()
		if frame := frames.line(line); frame != "" {
			l.got = append(l.got, frame)
		}
		l.ended = err
		l.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// heard waits until nothing more comes, and returns what has come since the last call.
func (l *listener) heard() string {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	got := strings.Join(l.got, " ")
	l.got = nil
	return got
}

// hears fails unless exactly the wanted frames have come.
func (l *listener) hears(t *testing.T, want string) {
	t.Helper()
	if got := l.heard(); got != want {
		t.Errorf("heard %q, want %q", got, want)
	}
}

func (l *listener) end() error {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

// get makes a request that is answered at once.
func (in *installation) get(t *testing.T, method, path string) (status int, header http.Header, body string) {
	t.Helper()
	synctest.Wait()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://emo"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := in.client.Do(req)
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

// windowsOf returns the swarms of the windows from..to. The total of each is its
// number.
func windowsOf(from, to int) []wire.Swarm {
	var out []wire.Swarm
	for n := from; n <= to; n++ {
		out = append(out, swarm(n, int64(n)))
	}
	return out
}

// shorts returns the short form of windowsOf, as a listener hears it.
func shorts(from, to int) string {
	var out []string
	for n := range slices.Values(windowsOf(from, to)) {
		out = append(out, fmt.Sprintf("%d=%d", n.Total, n.Total))
	}
	return strings.Join(out, " ")
}

// pass lets time go by.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
