package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/proof/kafkatest"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// subscriber is a subscriber server, sub1. The test writes the server's topic in place
// of publish.
type subscriber struct {
	t       *testing.T
	url     string // base URL
	args    []string
	process *process
	writer  stream.Writer
	began   time.Time
}

// subscribe starts a subscriber server with more flags, and a broker if the tests have
// none.
func subscribe(t *testing.T, flags ...string) *subscriber {
	t.Helper()
	names := wire.Topics{Prefix: prefix(t)}
	brokers := os.Getenv(kafkatest.BrokersVariable)
	if brokers == "" {
		brokers = "localhost:" + port(free(t))
		start(t, "broker", "--listen", brokers, "--ephemeral")
	}
	client, err := kafka.Open(kafka.Config{Brokers: strings.Split(brokers, ",")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	at := free(t)
	s := &subscriber{
		t: t, url: "http://" + at, writer: client.Writer(names.Server("sub1")), began: time.Now(),
		args: append([]string{"subscribe", "--brokers", brokers, "--listen", at, "--topic-prefix", names.Prefix}, flags...),
	}
	s.start()
	return s
}

// start starts the server, and waits until it is ready.
func (s *subscriber) start() {
	s.t.Helper()
	s.process = start(s.t, s.args...)
	(&installation{t: s.t, main: []string{s.url}}).ready()
}

// window returns the n-th window of the main channel, which has n reactions.
func (s *subscriber) window(n int) wire.Swarm {
	end := s.began.Add(time.Duration(n) * time.Second).UnixMilli()
	return wire.NewSwarm(wire.MainChannel, wire.Window{Start: end - 1000, End: end}, []wire.EmojiCount{{Emoji: "🔥", Count: int64(n), Scaled: 1}}, 1)
}

// publish writes the windows with these numbers to the server's topic.
func (s *subscriber) publish(numbers ...int) {
	s.t.Helper()
	var windows []wire.Swarm
	for _, n := range numbers {
		windows = append(windows, s.window(n))
	}
	s.write(windows...)
}

func (s *subscriber) write(windows ...wire.Swarm) {
	s.t.Helper()
	var records []stream.Record
	for _, w := range windows {
		value, err := json.Marshal(w)
		if err != nil {
			s.t.Fatal(err)
		}
		records = append(records, stream.Record{Time: time.Now().UnixMilli(), Key: []byte(w.Channel), Value: value})
	}
	if err := s.writer.Write(s.t.Context(), 0, records); err != nil {
		s.t.Fatal(err)
	}
}

// id returns the id of the event that shows window n.
func (s *subscriber) id(n int) string { return fmt.Sprint(s.window(n).Window.End) }

// frame returns the event that shows window n, as it is sent.
func (s *subscriber) frame(n int) string {
	data, err := json.Marshal(s.window(n))
	if err != nil {
		s.t.Fatal(err)
	}
	return fmt.Sprintf("id: %s\nevent: swarm\ndata: %s\n\n", s.id(n), data)
}

// hears reads a body until text has come. It fails if the body ends before, or if it
// takes longer than maxWait.
func hears(t *testing.T, body io.Reader, text string) {
	t.Helper()
	heard, found := make(chan string, 1), make(chan error, 1)
	go func() {
		var all strings.Builder
		for r := bufio.NewReader(body); !strings.Contains(all.String(), text); {
			line, err := r.ReadString('\n')
			all.WriteString(line)
			if err != nil {
				heard <- all.String()
				found <- err
				return
			}
		}
		found <- nil
	}()
	select {
	case err := <-found:
		if err != nil {
			t.Fatalf("heard %q and then %v, want %q", <-heard, err, text)
		}
	case <-time.After(maxWait):
		t.Fatalf("did not hear %q", text)
	}
}

// skipWithout returns the path of a tool. If there is none, it skips the test, but
// fails it if CI is set. install is the package that has the tool.
func skipWithout(t *testing.T, tool, install string) string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil { // daemons are in a folder that is not in everybody's PATH
		path, err = exec.LookPath("/usr/sbin/" + tool)
	}
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatalf("%v: install the package %s", err, install)
	default:
		t.Skipf("%v: install the package %s", err, install)
	}
	return path
}

// skipWithoutFlag skips a test if subscribe does not have the flag that it is about.
func skipWithoutFlag(t *testing.T, flag string) {
	t.Helper()
	help, err := exec.Command(binary, "subscribe", "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(help), flag) {
		t.Skipf("subscribe has no %s", flag)
	}
}
