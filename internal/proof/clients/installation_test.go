package clients_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/proof/kafkatest"
	"github.com/emostream/emostream/internal/proof/process"
	"github.com/emostream/emostream/internal/sleep"
)

// emojis are those that break where text is read with a wrong charset or is cut at what
// a language takes for the end of a line. Some have the byte 0x85, some have several
// code points, and two have tags or a zero-width joiner.
var emojis = strings.Fields("✅ 😅 🎅 🏅 🀄 ❤️ 🏳️‍🌈 🇩🇪 🇯🇵 #️⃣ 5️⃣ ‼️ ⁉️ 〰️ ㊙️ Ⓜ️ ©️ 👍🏽 👨‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🎨 🔥")

// installation is an up, and a subscriber server beside it that can be killed.
type installation struct {
	t          *testing.T
	dir        string
	ports      []int  // free ones
	main       string // base URLs
	spared     string // of a subscriber server that is not killed
	page       string // origin of the page that Chromium shows
	subscriber *subscriber
	pages      map[string]*member // of Chromium, by their programs
	shown      *shown             // by the server that is not killed
	rest       func()             // ends the taps, and returns when the last one is answered
	tapped     int                // how often each emoji was accepted
}

// install builds and starts the program.
func install(t *testing.T) *installation {
	t.Helper()
	in := &installation{t: t, dir: t.TempDir(), shown: &shown{}}
	program := filepath.Join(in.dir, "emostream")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/emostream/emostream/cmd/emostream").CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	var err error
	if in.ports, err = kafkatest.FreePorts(t.Context(), 20); err != nil {
		t.Fatal(err)
	}
	in.pages = map[string]*member{}
	in.servePage()
	broker := in.address()
	up := in.start("up", program, "up", "-o", "json", "--port", "0", "--broker-listen", broker, "--ephemeral", "--clusters", "1", "--subscribers", "1")
	var said struct {
		Ready       string
		Subscribers []struct{ URL string }
	}
	until(t, "up is ready", func() error {
		line, err := os.ReadFile(up.out)
		if err != nil {
			return err
		}
		return json.Unmarshal(line, &said)
	})
	in.main, in.spared = said.Ready, said.Subscribers[0].URL
	listen := in.address()
	in.subscriber = &subscriber{in: in, url: "http://" + listen, command: []string{
		program, "subscribe", "--name", "sub2", "--brokers", broker, "--listen", listen, "--cors-origin", in.page,
	}}
	in.subscriber.start()
	in.shown.watch(t, in.spared+"/v1/swarm")
	return in
}

// address returns a free address of this machine.
func (in *installation) address() string {
	in.t.Helper()
	port := in.ports[0]
	in.ports = in.ports[1:]
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// program is a running program.
type program struct {
	*process.Process
	out string // path of what it prints
}

// start runs a program until the test ends. What it logs is shown if the test fails.
func (in *installation) start(name string, command ...string) program {
	in.t.Helper()
	path := filepath.Join(in.dir, name)
	var files []*os.File
	for _, of := range []string{path + ".out", path + ".log"} {
		f, err := os.OpenFile(of, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			in.t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	cmd := exec.CommandContext(context.WithoutCancel(in.t.Context()), command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "EMOSTREAM_CONFIG=", "HOME="+in.dir)
	cmd.Stdout, cmd.Stderr = files[0], files[1]
	p, err := process.Start(cmd)
	if err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			in.t.Error(err)
		}
		if said, err := os.ReadFile(path + ".log"); err == nil && in.t.Failed() {
			in.t.Logf("%s said:\n%s", name, process.Tail(string(said)))
		}
	})
	return program{p, path + ".out"}
}

// subscriber is the subscriber server that is killed.
type subscriber struct {
	in      *installation
	url     string
	command []string
	running program
}

// start starts the server, and waits until it is ready.
func (s *subscriber) start() {
	s.in.t.Helper()
	s.running = s.in.start("sub2", s.command...)
	until(s.in.t, "sub2 is ready", func() error { return process.Ready(s.in.t.Context(), s.url) })
}

// kill ends the server as kill -9 does.
func (s *subscriber) kill() {
	s.in.t.Helper()
	if err := s.running.Kill(); err != nil {
		s.in.t.Fatal(err)
	}
}

// tap lets a person tap every emoji again and again, until in.rest is called.
func (in *installation) tap() {
	in.t.Helper()
	const pause = 300 * time.Millisecond
	type reaction struct {
		User  string `json:"user_id"`
		Emoji string `json:"emoji_type"`
	}
	var reactions []reaction
	for _, e := range emojis {
		reactions = append(reactions, reaction{"ann", e})
	}
	body, err := json.Marshal(reactions)
	if err != nil {
		in.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(in.t.Context())
	var tapping sync.WaitGroup
	tapping.Go(func() {
		for sleep.For(ctx, pause) == nil {
			if err := in.post(string(body)); err != nil {
				in.t.Error(err)
				return
			}
			in.tapped++
		}
	})
	in.rest = func() {
		stop()
		tapping.Wait()
	}
	in.t.Cleanup(in.rest)
}

// post sends reactions, which all must be accepted.
func (in *installation) post(body string) error {
	res, err := http.Post(in.main+"/v1/reactions", "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var said struct{ Accepted int }
	if err := json.NewDecoder(res.Body).Decode(&said); err != nil || said.Accepted != len(emojis) {
		return fmt.Errorf("%d of %d taps were accepted, %w", said.Accepted, len(emojis), err)
	}
	return nil
}

// hearHeartbeat waits until the server has sent a comment.
func (in *installation) hearHeartbeat() {
	in.t.Helper()
	ctx, cancel := context.WithTimeout(in.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, in.subscriber.url+"/v1/swarm", http.NoBody)
	if err != nil {
		in.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		in.t.Fatal(err)
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), ":") {
			return
		}
	}
	in.t.Fatal("no heartbeat comes")
}

// windows waits until n more windows are shown.
func (in *installation) windows(n int) {
	in.t.Helper()
	want := len(in.shown.truth().forms) + n
	until(in.t, "windows are shown", func() error {
		if got := len(in.shown.truth().forms); got < want {
			return fmt.Errorf("%d of %d", got, want)
		}
		return nil
	})
}

// checkCounted waits until each emoji is shown as often as it was tapped, and then the
// silence.
func (in *installation) checkCounted() {
	in.t.Helper()
	until(in.t, "all taps are shown", func() error {
		is := in.shown.truth()
		counts := is.counts()
		for _, e := range emojis {
			if counts[e] != int64(in.tapped) {
				return fmt.Errorf("%s was tapped %d times, and is shown %d times", e, in.tapped, counts[e])
			}
		}
		if total(is.forms[is.newest()][0]) > 0 {
			return errors.New("no silence is shown")
		}
		return nil
	})
}
