package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/kafka"
	chromium "github.com/emostream/emostream/internal/proof/browser"
	"github.com/emostream/emostream/internal/proof/contract"
	"github.com/emostream/emostream/internal/proof/contract/contracttest"
	"github.com/emostream/emostream/internal/proof/kafkatest"
	"github.com/emostream/emostream/internal/proof/parallel"
	programs "github.com/emostream/emostream/internal/proof/process"
	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
)

// maxWait is how long a test waits for anything before it fails.
const maxWait = 60 * time.Second

var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "emostream-e2e-")
	if err != nil {
		panic(err)
	}
	if err := os.Setenv("EMOSTREAM_CONFIG", ""); err != nil { // no test reads the settings file of whoever runs the tests
		panic(err)
	}
	binary = filepath.Join(dir, "emostream")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	flag.Parse()
	build := exec.Command("go", "build", "-o", binary)
	if *duration == 0 && *listeners == 0 && *millions == 0 && *clients == 0 { // what is measured is the program alone
		build.Args = append(build.Args, "-tags", "contract")
	}
	build.Args = append(build.Args, "github.com/emostream/emostream/cmd/emostream")
	build.Stderr = os.Stderr
	code := 1
	if *pages == "" { // or else the program on the PATH is run
		err = build.Run()
	}
	if err == nil {
		parallel.AtLeast(4)
		code = contract.Processes(os.Stderr, func() int { return chromium.Run(m) })
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// sideBySide lets a test run at the same time as others, if each has a broker of its
// own. On a Kafka cluster that all share, tests run one after the other, since some
// kill a broker.
func sideBySide(t *testing.T) {
	t.Helper()
	if os.Getenv(kafkatest.BrokersVariable) == "" {
		t.Parallel()
	}
}

// process is a running emostream.
type process struct {
	t    testing.TB
	cmd  *exec.Cmd
	name string
	logs lockedBuffer
	done chan struct{}
	out  chan string // lines of stdout
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start runs emostream with args until the test ends.
func start(tb testing.TB, args ...string) *process {
	tb.Helper()
	return startProgram(tb, binary, nil, args...)
}

// startProgram runs the program at path until the test ends, with env added to its
// environment.
func startProgram(tb testing.TB, path string, env []string, args ...string) *process {
	tb.Helper()
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), env...)
	return startCommand(tb, cmd)
}

// startCommand runs a command until the test ends. Its output is taken.
func startCommand(tb testing.TB, cmd *exec.Cmd) *process {
	tb.Helper()
	args := cmd.Args[1:]
	p := &process{t: tb, name: strings.Join(args[:1], " "), cmd: cmd, done: make(chan struct{}), out: make(chan string, 100)}
	p.cmd.Stderr = &p.logs
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() {
		defer close(p.done)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			p.out <- s.Text()
		}
		close(p.out)
		_ = p.cmd.Wait()
	}()
	tb.Cleanup(func() {
		p.kill()
		if tb.Failed() {
			tb.Logf("%s said:\n%s", strings.Join(args, " "), programs.Tail(p.logs.String()))
		}
	})
	return p
}

// kill ends the process at once, as kill -9 does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// stop interrupts the process, waits until it has ended, and returns its exit code.
func (p *process) stop() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		p.t.Errorf("interrupt %s: %v", p.name, err)
	}
	select {
	case <-p.done:
	case <-time.After(maxWait):
		p.t.Errorf("%s did not stop when asked to", p.name)
		p.kill()
	}
	return p.cmd.ProcessState.ExitCode()
}

// line returns the next line of the process's stdout. It fails if the process ends
// first.
func (p *process) line() string {
	p.t.Helper()
	select {
	case s, more := <-p.out:
		if more {
			return s
		}
		<-p.done
		p.t.Fatalf("%s ended with %d:\n%s", p.name, p.cmd.ProcessState.ExitCode(), programs.Tail(p.logs.String()))
	case <-time.After(maxWait):
		p.t.Fatalf("%s printed nothing:\n%s", p.name, programs.Tail(p.logs.String()))
	}
	return ""
}

// installation says where the parts of a running pipeline are.
type installation struct {
	t       testing.TB
	main    []string // base URLs of the main servers
	servers map[string]string
	brokers []string
	metrics string
	names   wire.Topics
}

// up runs `emostream up` with more arguments until the test ends. If the tests run on a
// Kafka cluster, it uses that and leaves out the arguments of the embedded broker.
func up(tb testing.TB, more ...string) (*process, *installation) {
	tb.Helper()
	in := &installation{t: tb, servers: map[string]string{}}
	args := []string{"up", "--port", "0", "-o", "json", "--log-level", "info"}
	if brokers := os.Getenv("EMOSTREAM_TEST_BROKERS"); brokers != "" {
		in.names.Prefix = prefix(tb)
		args = append(args, "--brokers", brokers, "--topic-prefix", in.names.Prefix, "--group-prefix", in.names.Prefix)
		for i := 0; i < len(more); { // leave out flags of the embedded broker
			switch more[i] {
			case "--ephemeral":
				more = slices.Delete(slices.Clone(more), i, i+1)
			case "--data-dir", "--broker-listen":
				more = slices.Delete(slices.Clone(more), i, i+2)
			default:
				i++
			}
		}
	} else if len(more) == 0 {
		args = append(args, "--ephemeral")
	}
	p := start(tb, append(args, more...)...)
	in.read(p.line())
	return p, in
}

// read takes the addresses from the line that up -o json prints.
func (in *installation) read(line string) {
	in.t.Helper()
	var a struct {
		Ready       string
		Brokers     []string
		Metrics     string
		Subscribers []struct{ Name, URL string }
	}
	if err := json.Unmarshal([]byte(line), &a); err != nil {
		in.t.Fatalf("%q: %v", line, err)
	}
	in.main, in.brokers, in.metrics = []string{a.Ready}, a.Brokers, a.Metrics
	for _, s := range a.Subscribers {
		in.servers[s.Name] = s.URL
	}
}

// prefix returns a prefix for the topics and groups of one test.
func prefix(tb testing.TB) string {
	tb.Helper()
	return fmt.Sprintf("t%x.%s.", time.Now().UnixNano(), strings.NewReplacer("/", "_", " ", "_").Replace(tb.Name()))
}

// until calls check again and again until it returns nil. After maxWait it fails; what
// names what was waited for.
func until(tb testing.TB, what string, check func() error) {
	tb.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	give := time.After(maxWait)
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-give:
			tb.Fatalf("%s: %v", what, err)
		}
	}
}

// answer is the answer of a main server to a request.
type answer struct {
	status int
	code   string
	body   string
}

// post sends body and returns the answer.
func post(url, contentType, body string) (answer, error) {
	res, err := http.Post(url, contentType, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, err
	}
	var said struct{ Code string }
	_ = json.Unmarshal(b, &said)
	return answer{res.StatusCode, said.Code, string(b)}, nil
}

// outcomeCounts counts reactions by what became of them: acknowledged, in doubt or refused.
type outcomeCounts struct {
	mu       sync.Mutex
	accepted map[string]int64 // by emoji
	total    int64
	inDoubt  int64
	refused  int64
	failed   error
}

// tap sends one reaction to a main server and counts what became of it. A reaction that
// was certainly not written is sent again.
func (l *outcomeCounts) tap(ctx context.Context, client *http.Client, server, emoji string) {
	body := fmt.Sprintf(`{"user_id":"e2e","emoji_type":%q,"timestamp":"now"}`, emoji)
	for ctx.Err() == nil {
		res, err := client.Post(server+"/send_emoji", "application/json", strings.NewReader(body))
		if err != nil {
			l.enter(func() { l.inDoubt++ })
			return
		}
		b, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		switch {
		case res.StatusCode == http.StatusOK:
			l.enter(func() { l.accepted[emoji]++; l.total++ })
			return
		case bytes.Contains(b, []byte(`"not_written"`)):
			l.enter(func() { l.refused++ })
		case bytes.Contains(b, []byte(`"in_doubt"`)):
			l.enter(func() { l.inDoubt++ })
			return
		default:
			l.enter(func() { l.failed = fmt.Errorf("%d %s", res.StatusCode, b) })
			return
		}
	}
}

func (l *outcomeCounts) enter(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// kinds are the emojis that the tests send.
var kinds = strings.Fields("🔥 😂 👍 🎉 💯 😮 😢 🚀 💖 😀 😃 😄 😁 😆 😅 🤣 😊 😇 🙂 🙃 😉 😌 😍 🥰 😘 😗 😙 😚 😋 😛")

// crowd sends n reactions over a number of connections, to all main servers in turn. It
// sends them evenly over a time; 0: as fast as the answers come.
func (in *installation) crowd(ctx context.Context, n, connections int, over time.Duration) *outcomeCounts {
	l := &outcomeCounts{accepted: map[string]int64{}}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}, Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	var wg sync.WaitGroup
	start := time.Now()
	for c := range connections {
		wg.Go(func() {
			for i := c; i < n; i += connections {
				due := start.Add(time.Duration(i) * over / time.Duration(n))
				if sleep.Until(ctx, due) != nil {
					return
				}
				l.tap(ctx, client, in.main[i%len(in.main)], kinds[i%len(kinds)])
			}
		})
	}
	wg.Wait()
	return l
}

// open returns a client of the installation's Kafka.
func (in *installation) open() *kafka.Client {
	in.t.Helper()
	c, err := kafka.Open(kafka.Config{Brokers: in.brokers})
	if err != nil {
		in.t.Fatal(err)
	}
	return c
}

// counted returns how many reactions emoji-aggregated counts, by emoji and in all. Of
// each window, channel and emoji it takes the greatest count.
func (in *installation) counted() (map[string]int64, int64) {
	in.t.Helper()
	ctx, cancel := context.WithTimeout(in.t.Context(), maxWait)
	defer cancel()
	c := in.open()
	defer c.Close()
	type key struct {
		end     int64
		channel string
		emoji   string
	}
	greatest := map[key]int64{}
	partitions, err := c.Partitions(ctx, in.names.Counts())
	if err != nil {
		in.t.Fatal(err)
	}
	for p := range partitions {
		offset, end, err := c.Offsets(ctx, in.names.Counts(), p)
		if err != nil {
			in.t.Fatal(err)
		}
		for r := c.Reader(in.names.Counts(), p); offset < end; {
			b, err := r.Fetch(ctx, offset, time.Second)
			if err != nil {
				in.t.Fatal(err)
			}
			for _, rec := range b.Records {
				n, err := wire.DecodeCount(rec.Value)
				if err != nil {
					continue // another program's
				}
				k := key{n.Window.End, n.Channel, n.Emoji}
				greatest[k] = max(greatest[k], n.Count)
			}
			offset = b.Next
		}
	}
	byEmoji, total := map[string]int64{}, int64(0)
	for k, n := range greatest {
		byEmoji[k.emoji] += n
		total += n
	}
	return byEmoji, total
}

// checkRecords fails if a record that the stages have written is not as asyncapi.yaml says.
func (in *installation) checkRecords() {
	in.t.Helper()
	ctx, cancel := context.WithTimeout(in.t.Context(), maxWait)
	defer cancel()
	c := in.open()
	defer c.Close()
	topics := []string{in.names.Reactions(), in.names.Partials(), in.names.Counts(), in.names.Servers(), in.names.Controls(), in.names.Clock(), in.names.Cluster("cluster_1")}
	for name := range in.servers {
		topics = append(topics, in.names.Server(name))
	}
	for _, topic := range topics {
		partitions, err := c.Partitions(ctx, topic)
		if err != nil {
			in.t.Fatalf("%s: %v", topic, err)
		}
		for p := range partitions {
			first, end, err := c.Offsets(ctx, topic, p)
			if err != nil {
				in.t.Fatal(err)
			}
			const newest = 2000
			for r, offset := c.Reader(topic, p), max(first, end-newest); offset < end; {
				b, err := r.Fetch(ctx, offset, time.Second)
				if err != nil {
					in.t.Fatal(err)
				}
				for _, rec := range b.Records {
					if err := contracttest.Messages(in.t).Record(strings.TrimPrefix(topic, in.names.Prefix), rec); err != nil {
						in.t.Fatal(err)
					}
				}
				offset = b.Next
			}
		}
	}
}

// checkCounted waits until every acknowledged reaction is counted. It fails if more
// reactions are counted than were acknowledged or are in doubt.
func (in *installation) checkCounted(l *outcomeCounts) {
	in.t.Helper()
	if l.failed != nil {
		in.t.Fatal(l.failed)
	}
	var total int64
	until(in.t, "all that was acknowledged is counted", func() error {
		var byEmoji map[string]int64
		if byEmoji, total = in.counted(); total < l.total {
			return fmt.Errorf("%d of %d (in doubt %d)", total, l.total, l.inDoubt)
		}
		for emoji, n := range l.accepted { // the total may have been reached with reactions that are in doubt
			if byEmoji[emoji] < n {
				return fmt.Errorf("%d %s of %d", byEmoji[emoji], emoji, n)
			}
		}
		return nil
	})
	if total > l.total+l.inDoubt {
		in.t.Errorf("%d were counted, %d acknowledged and %d in doubt: some were counted twice", total, l.total, l.inDoubt)
	}
}

// listener listens to one subscriber server and keeps what it is shown.
type listener struct {
	mu      sync.Mutex
	windows map[int64]wire.Swarm // by the window's end; of each window the swarm with the greatest total
}

// total returns how many reactions are in the windows that end after a time.
func (l *listener) total(after time.Time) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := int64(0)
	for _, s := range l.windows {
		if s.Window.End > after.UnixMilli() {
			n += s.Total
		}
	}
	return n
}

// listen listens to a subscriber server until the test ends. It returns when the stream
// is open.
func listen(t *testing.T, url string) *listener {
	t.Helper()
	return listenBy(t, url, contracttest.Streams(t, http.DefaultTransport))
}

// listenBy is listen by another way to the server, as for one of an earlier version, whose
// events asyncapi.yaml does not know.
func listenBy(t *testing.T, url string, transport http.RoundTripper) *listener {
	t.Helper()
	l := &listener{windows: map[int64]wire.Swarm{}}
	ctx, cancel := context.WithCancel(context.Background())
	live, once := make(chan struct{}), sync.Once{}
	var wg sync.WaitGroup
	wg.Go(func() {
		c := sse.Client{
			URL:       url + "/v1/swarm",
			HTTP:      &http.Client{Transport: transport},
			Reconnect: 100 * time.Millisecond,
			OnState: func(s sse.State) {
				if s.Phase == sse.Live {
					once.Do(func() { close(live) })
				}
			},
			OnEvent: func(e sse.Event) error {
				s, err := wire.DecodeSwarm(e.Data)
				if err != nil {
					return err
				}
				l.mu.Lock()
				defer l.mu.Unlock()
				if old, ok := l.windows[s.Window.End]; !ok || s.Total > old.Total {
					l.windows[s.Window.End] = s
				}
				return nil
			},
		}
		if err := c.Run(ctx); err != nil {
			t.Errorf("listen to %s: %v", url, err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	select {
	case <-live:
	case <-time.After(maxWait):
		t.Fatalf("no stream at %s", url)
	}
	return l
}

// checkShown waits until windows that end after a time show as many reactions as were
// acknowledged. It fails if they show more than were acknowledged or are in doubt.
func (l *listener) checkShown(t *testing.T, name string, after time.Time, led *outcomeCounts) {
	t.Helper()
	until(t, name+" shows all", func() error {
		if n := l.total(after); n < led.total {
			return fmt.Errorf("%d of %d", n, led.total)
		}
		return nil
	})
	if n := l.total(after); n > led.total+led.inDoubt {
		t.Errorf("%s shows %d, and %d were acknowledged, %d in doubt", name, n, led.total, led.inDoubt)
	}
}
