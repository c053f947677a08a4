package clients_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/emostream/emostream/internal/proof/process"
)

// client is a program under testdata that listens to a stream.
type client struct {
	language string // Python, Node, Go, Java or Chromium
	library  string // as the language's package manager calls it, or what of the language itself it uses
	program  string
	back     string   // byItself, byHeader or byQuery
	note     string   // what a user must know of it
	cannot   []string // what judge finds wrong, for a fault of the library that note tells
}

// Who connects again when a stream has ended: the library, or the program, which says
// then what it has seen.
const (
	byItself = "itself"
	byHeader = "`Last-Event-ID`"
	byQuery  = "`?last_event_id=`"
)

// clients are all that are tried.
var clients = []client{
	{language: "Python", library: "requests", program: "requests_lines.py", back: byHeader, note: "`iter_lines(decode_unicode=True)`"},
	{language: "Python", library: "httpx-sse", program: "httpx_sse_client.py", back: byHeader, note: "`httpx.Timeout(5, read=30)`, else it gives up after 5 s of silence"},
	{language: "Python", library: "sseclient", program: "sseclient_btubbs.py", back: byHeader, note: "comes back by itself, and ends when it is refused once: then a new one with `last_id=`"},
	{language: "Python", library: "sseclient-py", program: "sseclient_py.py", back: byHeader},
	{language: "Python", library: "aiosseclient", program: "aiosseclient_client.py", back: byHeader},
	{language: "Python", library: "aiohttp-sse-client", program: "aiohttp_sse_client_client.py", back: byHeader},
	{language: "Python", library: "aiohttp-sse-client2", program: "aiohttp_sse_client2_client.py", back: byHeader},
	{language: "Python", library: "launchdarkly-eventsource", program: "launchdarkly.py", back: byItself, note: "`ErrorStrategy.always_continue()`"},
	{language: "Python", library: "requests-sse", program: "requests_sse_client.py", back: byItself, note: "`timeout=30`"},
	{language: "Node", library: "fetch", program: "fetch.mjs", back: byHeader},
	{language: "Node", library: "eventsource", program: "eventsource.mjs", back: byItself},
	{language: "Node", library: "undici", program: "undici.mjs", back: byItself, cannot: []string{missed}, note: "comes back from a stream that ends, and does not notice one that breaks"},
	{language: "Node", library: "launchdarkly-eventsource", program: "launchdarkly.mjs", back: byItself},
	{language: "Node", library: "eventsource-client", program: "eventsource-client.mjs", back: byItself},
	{language: "Node", library: "eventsource-parser", program: "eventsource-parser.mjs", back: byHeader},
	{language: "Node", library: "fetch-event-stream", program: "fetch-event-stream.mjs", back: byHeader},
	{language: "Go", library: "net/http", program: "nethttp", back: byHeader},
	{language: "Go", library: "github.com/r3labs/sse/v2", program: "r3labs", back: byItself},
	{language: "Go", library: "github.com/tmaxmax/go-sse", program: "gosse", back: byItself},
	{language: "Go", library: "github.com/launchdarkly/eventsource", program: "launchdarkly", back: byItself},
	{language: "Java", library: "java.net.http", program: "JavaNetHttp", back: byHeader},
	{language: "Java", library: "okhttp-sse", program: "OkHttpSse", back: byHeader, note: "`readTimeout(30, SECONDS)`, else it gives up after 10 s of silence"},
	{language: "Java", library: "okhttp-eventsource", program: "LaunchDarkly", back: byItself, note: "`ErrorStrategy.alwaysContinue()`"},
	{language: "Java", library: "jersey-media-sse", program: "Jersey", back: byQuery, note: "comes back by itself, and ends when it is refused once: then a new one"},
	{language: "Java", library: "spring-webflux", program: "WebFlux", back: byHeader},
	{language: "Chromium", library: "EventSource", program: "eventsource.mjs", back: byItself},
	{language: "Chromium", library: "EventSource", program: "new-eventsource.mjs", back: byQuery, note: "a new one when one breaks"},
	{language: "Chromium", library: "@microsoft/fetch-event-source", program: "fetch-event-source.mjs", back: byItself, note: "`onclose` throws, else it stays away when a server is stopped"},
	{language: "Chromium", library: "event-source-polyfill", program: "event-source-polyfill.mjs", back: byItself},
	{language: "Chromium", library: "reconnecting-eventsource", program: "reconnecting-eventsource.mjs", back: byItself},
	{language: "Chromium", library: "sse.js", program: "sse.mjs", back: byItself, note: "`autoReconnect: true`"},
}

func (c client) String() string { return c.language + " " + c.library }

// member is a client that listens, or a proxy with a client behind it.
type member struct {
	name   string
	cannot []string
	*shown
	said *log
}

// log is what a program logs.
type log struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// crowd is all clients and proxies.
type crowd []*member

// missing returns a function that returns the names of those who have not shown the
// window with this end, nor a later one, though they should.
func (c crowd) missing(end int64) func() []string {
	return func() (names []string) {
		for _, m := range c {
			if len(m.cannot) == 0 && !m.shows(end) {
				names = append(names, m.name)
			}
		}
		return names
	}
}

// gather lets all clients listen, and one behind each proxy, until the test ends.
func (in *installation) gather() (all crowd) {
	in.t.Helper()
	ctx, end := context.WithCancel(context.WithoutCancel(in.t.Context()))
	var running sync.WaitGroup
	in.t.Cleanup(func() {
		end()
		running.Wait()
	})
	run := func(name string, c client, stream string) {
		m := &member{name, c.cannot, &shown{}, &log{}}
		all = append(all, m)
		cmd := c.command(ctx, stream)
		cmd.Dir, cmd.Stdout, cmd.Stderr = in.dir, m.shown, m.said
		running.Go(func() { _ = process.Run(cmd) }) // what it has shown is judged
	}
	stream := in.subscriber.url + "/v1/swarm"
	copyPrograms(in.t)
	for _, c := range clients {
		if c.language != "Chromium" {
			run(c.String(), c, stream)
		}
	}
	for _, p := range proxies {
		run(p.name, behindProxies, in.startProxy(p)+"/v1/swarm")
	}
	return append(all, in.openPage()...)
}

// copyPrograms copies the programs for Node beside the packages that they import, where
// Node looks for these.
func copyPrograms(t *testing.T) {
	t.Helper()
	programs, err := filepath.Glob("testdata/node/*.mjs")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range programs {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(*tools, "node", filepath.Base(p)), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// command returns the command that runs a client.
func (c client) command(ctx context.Context, args ...string) *exec.Cmd {
	here, err := filepath.Abs("testdata")
	if err != nil {
		panic(err)
	}
	var command []string
	switch c.language {
	case "Python":
		command = []string{filepath.Join(*tools, "python/bin/python"), filepath.Join(here, "python", c.program)}
	case "Node":
		command = []string{"node", filepath.Join(*tools, "node", c.program)}
	case "Go":
		command = []string{filepath.Join(*tools, "go", c.program)}
	case "Java":
		command = []string{"java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", filepath.Join(*tools, "java/classes") + ":" + filepath.Join(*tools, "java/libs/*"), c.program}
	}
	cmd := exec.CommandContext(ctx, command[0], append(command[1:], args...)...)
	if c.library == "sseclient" {
		cmd.Env = append(os.Environ(), "PYTHONPATH="+filepath.Join(*tools, "python/sseclient"))
	}
	return cmd
}
