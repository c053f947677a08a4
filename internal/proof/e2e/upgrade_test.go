package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/proof/kafkatest"
	programs "github.com/emostream/emostream/internal/proof/process"
	"github.com/emostream/emostream/internal/sleep"
)

// An earlier version of the program runs beside this one: every stage is replaced while
// people tap, one after the other, until each mixture of old and new stages has worked
// on what the old ones wrote. Stages go forward and back. Nothing is refused, lost or
// counted twice, and in every mixture what was accepted is shown.
func TestUpgradeStages(t *testing.T) {
	sideBySide(t)
	earlier := earlierProgram(t)
	brokers := os.Getenv(kafkatest.BrokersVariable)
	if brokers != "" {
		newUpgrade(t, earlier, strings.Split(brokers, ",")).throughAllMixtures()
		return
	}
	t.Run("on the old broker", func(t *testing.T) {
		t.Parallel()
		u, _, _ := newUpgradeWithBroker(t, earlier)
		u.throughAllMixtures()
	})
	t.Run("on the new broker in the old folder", func(t *testing.T) {
		t.Parallel()
		u, broker, args := newUpgradeWithBroker(t, earlier)
		u.showsAll()
		broker.kill()
		broker = startProgram(t, binary, nil, args...)
		u.brokerWasAway = true
		u.throughAllMixtures()
		// The old broker takes its folder back.
		broker.kill()
		startProgram(t, earlier, nil, args...)
		u.showsAll()
	})
}

// An earlier version of up, this one, and the earlier one again use a data folder in
// turn. Some are killed. Nothing is lost or counted twice.
func TestUpgradeUp(t *testing.T) {
	earlier := earlierProgram(t)
	if os.Getenv(kafkatest.BrokersVariable) != "" {
		t.Skip("up's own data folder: there is none on Apache Kafka")
	}
	t.Parallel()
	dir, total := t.TempDir(), &outcomeCounts{accepted: map[string]int64{}}
	for i, program := range []string{earlier, binary, earlier, binary, binary, earlier} {
		in := &installation{t: t, servers: map[string]string{}}
		p := startProgram(t, program, nil, "up", "--port", "0", "-o", "json", "--log-level", "info", "--data-dir", dir)
		in.read(p.line())
		total.add(in.crowd(t.Context(), 500, 8, time.Second))
		if i%3 == 2 {
			p.kill()
			continue
		}
		in.checkCounted(total)
		if code := p.stop(); code != 0 {
			t.Errorf("%s up ended with %d", program, code)
		}
	}
	_, in := up(t, "--data-dir", dir)
	in.checkCounted(total)
	if total.inDoubt > 0 || total.refused > 0 {
		t.Errorf("%d are in doubt and %d were refused, want none", total.inDoubt, total.refused)
	}
	for _, program := range []string{earlier, binary} {
		verifies(t, program, in, "")
	}
}

// earlierProgram builds the commit that the flag -earlier names, and returns the path of
// its program.
func earlierProgram(t *testing.T) string {
	t.Helper()
	if *earlier == "" {
		t.Skip("builds an earlier commit: make test-upgrade")
	}
	path, err := buildEarlier()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// buildEarlier builds the earlier program once for all tests, into the folder of this
// version's program, which TestMain removes.
var buildEarlier = sync.OnceValues(func() (string, error) {
	source := filepath.Join(filepath.Dir(binary), "earlier")
	if err := os.Mkdir(source, 0o755); err != nil {
		return "", err
	}
	root, err := exec.Command("git", "rev-parse", "--show-toplevel").Output()
	if err != nil {
		return "", fmt.Errorf("this needs the project's git repository: %w", err)
	}
	git := exec.Command("git", "-C", strings.TrimSpace(string(root)), "archive", "--format=tar", *earlier)
	var said bytes.Buffer
	git.Stderr = &said
	archive, err := git.Output()
	if err != nil {
		return "", fmt.Errorf("commit %s cannot be read (%s): if this is a shallow clone, fetch the rest by git fetch --unshallow", *earlier, strings.TrimSpace(said.String()))
	}
	unpack := exec.Command("tar", "-x", "-C", source)
	unpack.Stdin = bytes.NewReader(archive)
	if out, err := unpack.CombinedOutput(); err != nil {
		return "", fmt.Errorf("unpack commit %s: %w: %s", *earlier, err, out)
	}
	path := filepath.Join(filepath.Dir(binary), "emostream-earlier")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	build := exec.Command("go", "build", "-trimpath", "-o", path, "./cmd/emostream")
	build.Dir = source
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build commit %s: %w: %s", *earlier, err, out)
	}
	return path, nil
})

// upgrade is an installation whose stages are of either version, and people who tap and
// listen all the while.
type upgrade struct {
	*installation
	t             *testing.T
	env           []string  // of every stage, beside that of the test
	programs      [2]string // the earlier version, this one
	stages        []*upgradedStage
	main          atomic.Pointer[string] // base URL of the main server that people use
	taps          *outcomeCounts
	listener      *listener
	brokerWasAway bool   // so that taps may be refused or in doubt
	token         string // that people who tap show; empty: none
	stopTaps      func()
}

// upgradedStage is a stage of which two copies run while it is replaced, unless alone is
// set: no two subscriber servers may have the same name.
type upgradedStage struct {
	name    string
	args    [2][]string // of one copy and its replacement, which take turns
	url     [2]string   // base URLs of the copies; empty: it serves nothing
	alone   bool
	running *process
	copy    int
	version int
}

// newUpgradeWithBroker is newUpgrade on an embedded broker of the earlier version. It
// returns the broker and its arguments, too.
func newUpgradeWithBroker(t *testing.T, earlier string) (*upgrade, *process, []string) {
	t.Helper()
	addr := free(t)
	args := []string{"broker", "--listen", addr, "--data-dir", t.TempDir(), "--log-level", "info"}
	broker := startProgram(t, earlier, nil, args...)
	return newUpgrade(t, earlier, []string{addr}), broker, args
}

// newUpgrade starts every stage in the earlier version, and people who tap and listen
// until the test ends.
func newUpgrade(t *testing.T, earlier string, brokers []string) *upgrade {
	t.Helper()
	in := &installation{t: t, brokers: brokers}
	in.names.Prefix = prefix(t)
	return newUpgradeAs(t, earlier, in, nil, func(stage string) []string {
		return []string{stage, "--brokers", strings.Join(brokers, ","), "--topic-prefix", in.names.Prefix, "--group-prefix", in.names.Prefix}
	})
}

// newUpgradeAs is newUpgrade of an installation in which each stage begins with arguments
// of its own, and has env beside the environment of the test.
func newUpgradeAs(t *testing.T, earlier string, in *installation, env []string, arguments func(stage string) []string) *upgrade {
	t.Helper()
	u := &upgrade{
		installation: in, t: t, env: env,
		programs: [2]string{earlier, binary},
		taps:     &outcomeCounts{accepted: map[string]int64{}},
	}
	add := func(s *upgradedStage, flags func(copied int) []string) {
		for i := range s.args {
			s.args[i] = slices.Concat(arguments(s.name), []string{"--log-level", "info"}, flags(i))
		}
		u.stages = append(u.stages, s)
	}
	none := func(int) []string { return nil }
	serve := &upgradedStage{name: "serve"}
	add(serve, func(i int) []string {
		addr := free(t)
		serve.url[i] = "http://" + addr
		return []string{"--listen", addr}
	})
	add(&upgradedStage{name: "aggregate"}, none)
	add(&upgradedStage{name: "publish"}, none)
	at := free(t)
	add(&upgradedStage{name: "subscribe", alone: true, url: [2]string{"http://" + at, "http://" + at}}, func(int) []string { return []string{"--name", "sub1", "--listen", at} })
	for _, s := range u.stages {
		s.running = startProgram(t, earlier, env, s.args[0]...)
		u.waitReady(s)
	}
	u.main.Store(&serve.url[0])
	u.listener = listenBy(t, "http://"+at, http.DefaultTransport)
	u.tap()
	return u
}

// waitReady waits until the running copy of a stage says that it is ready.
func (u *upgrade) waitReady(s *upgradedStage) {
	u.t.Helper()
	if url := s.url[s.copy]; url != "" {
		(&installation{t: u.t, main: []string{url}}).ready()
	}
}

// tap starts people who send a hundred reactions a second until stopTaps is called.
func (u *upgrade) tap() {
	const people, each = 10, 100 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	client := &http.Client{Transport: withToken{&http.Transport{MaxIdleConnsPerHost: people}, u.token}, Timeout: 20 * time.Second}
	for i := range people {
		all.Go(func() {
			for n := i; sleep.For(ctx, each) == nil; n++ {
				u.taps.tapOnce(client, *u.main.Load(), kinds[n%len(kinds)])
			}
		})
	}
	u.stopTaps = sync.OnceFunc(func() {
		cancel()
		all.Wait()
		client.CloseIdleConnections()
	})
	u.t.Cleanup(u.stopTaps)
}

// tapOnce sends one reaction to a main server, and notes what became of it. One whose
// connection was refused, and one that certainly was not written, count as refused.
func (l *outcomeCounts) tapOnce(client *http.Client, server, emoji string) {
	res, err := client.Post(server+"/send_emoji", "application/json", strings.NewReader(fmt.Sprintf(`{"user_id":"e2e","emoji_type":%q}`, emoji)))
	if err != nil {
		dial, ok := errors.AsType[*net.OpError](err)
		l.enter(func() {
			if ok && dial.Op == "dial" {
				l.refused++
			} else {
				l.inDoubt++
			}
		})
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	l.enter(func() {
		switch {
		case res.StatusCode == http.StatusOK:
			l.accepted[emoji]++
			l.total++
		case bytes.Contains(body, []byte(`"not_written"`)), bytes.Contains(body, []byte(`"overloaded"`)):
			l.refused++
		case bytes.Contains(body, []byte(`"in_doubt"`)):
			l.inDoubt++
		default:
			l.failed = fmt.Errorf("%d %s", res.StatusCode, body)
		}
	})
}

// throughAllMixtures replaces one stage after the other by its other version, in the
// order of a Gray code, so that every mixture comes once and ends where it began. Then
// it stops the people and compares.
func (u *upgrade) throughAllMixtures() {
	u.t.Helper()
	for step := 1; step <= 1<<len(u.stages); step++ {
		which := 0
		for which < len(u.stages)-1 && step>>which&1 == 0 {
			which++
		}
		u.replace(u.stages[which])
		u.showsAll()
	}
	for _, s := range u.stages {
		if s.version != 0 {
			u.t.Errorf("%s ends in the later version: not every mixture came once", s.name)
		}
	}
	u.compare()
}

// replace replaces a stage by its other version as an operator would: the replacement
// starts, takes over, and then the copy that was there is told to stop.
func (u *upgrade) replace(s *upgradedStage) {
	u.t.Helper()
	was := s.running
	stop := func() {
		if code := was.stop(); code != 0 {
			u.t.Errorf("%s, replaced in %s, ended with %d:\n%s", s.name, u.mixture(), code, programs.Tail(was.logs.String()))
		}
	}
	if s.alone {
		stop()
	}
	s.copy, s.version = 1-s.copy, 1-s.version
	s.running = startProgram(u.t, u.programs[s.version], u.env, s.args[s.copy]...)
	u.waitReady(s)
	if s.name == "serve" {
		u.main.Store(&s.url[s.copy])
	}
	if !s.alone {
		stop()
	}
}

// mixture names the stages of this version that run now.
func (u *upgrade) mixture() string {
	var later []string
	for _, s := range u.stages {
		if s.version == 1 {
			later = append(later, s.name)
		}
	}
	if len(later) == 0 {
		return "all old"
	}
	return "new: " + strings.Join(later, ", ")
}

// showsAll waits until the listener is shown everything that was accepted until now, and
// something that is accepted from now on.
func (u *upgrade) showsAll() {
	u.t.Helper()
	var want int64
	u.taps.enter(func() { want = u.taps.total + 1 })
	for _, s := range u.stages {
		select {
		case <-s.running.done:
			u.t.Fatalf("%s ended by itself in %s", s.name, u.mixture())
		default:
		}
	}
	until(u.t, "all that was accepted is shown, "+u.mixture(), func() error {
		if n := u.listener.total(time.Time{}); n < want {
			return fmt.Errorf("%d of %d", n, want)
		}
		return nil
	})
}

// compare stops the people, and compares what was accepted with what was counted and
// shown.
func (u *upgrade) compare() {
	u.t.Helper()
	u.stopTaps()
	u.t.Logf("%d accepted, %d in doubt, %d refused", u.taps.total, u.taps.inDoubt, u.taps.refused)
	u.checkCounted(u.taps)
	u.listener.checkShown(u.t, "sub1", time.Time{}, u.taps)
	if !u.brokerWasAway && (u.taps.inDoubt > 0 || u.taps.refused > 0) {
		u.t.Errorf("%d taps are in doubt and %d were refused, want none", u.taps.inDoubt, u.taps.refused)
	}
	for _, program := range u.programs {
		verifies(u.t, program, u.installation, u.names.Prefix)
	}
	u.tap()
}

// verifies checks that a program's verify finds that log and counts agree.
func verifies(tb testing.TB, program string, in *installation, prefix string) {
	tb.Helper()
	out, err := exec.Command(program, "consume", "--verify", "--brokers", strings.Join(in.brokers, ","), "--topic-prefix", prefix).CombinedOutput()
	if err != nil {
		tb.Errorf("%s consume --verify: %v\n%s", program, err, out)
	}
}
