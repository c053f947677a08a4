package browser

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"github.com/emostream/emostream/internal/proof/process"
)

// Page is what a tab of any browser can do, for tests that all browsers must pass.
type Page interface { //nolint:interfacebloat // as small as the tests of all browsers allow
	Go(url string)
	Run(js string)
	Until(js string)
	Click(css string)
	Expect(patterns ...string)
}

// Firefox is a tab of a Firefox of its own, which is told what to do by WebDriver BiDi. It can less than Tab. As with Tab, what
// a page throws or writes to the console as an error, and what violates its Content-Security-Policy, fails the test.
type Firefox struct {
	tb      testing.TB
	socket  *websocket.Conn
	context string // the tab's name

	mu       sync.Mutex
	last     int
	waiting  map[int]chan bidiAnswer
	wrong    []string
	expected []*regexp.Regexp
	gone     error
}

// bidiAnswer is a message of Firefox: what became of a command, or an event.
type bidiAnswer struct {
	ID      *int
	Type    string // success, error or event
	Result  json.RawMessage
	Error   string
	Message string
	Method  string
	Params  json.RawMessage
}

// firefoxSettings keep Firefox from asking anybody anything, and from opening pages of its own.
const firefoxSettings = `user_pref("app.update.disabledForTesting", true);
user_pref("app.normandy.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.homepage_override.mstone", "ignore");
user_pref("browser.startup.page", 0);
user_pref("browser.region.network.url", "");
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("dom.disable_beforeunload", true);
user_pref("extensions.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("network.proxy.type", 0);
user_pref("remote.active-protocols", 1);
user_pref("services.settings.server", "data:,#remote-settings-dummy/v1");
user_pref("toolkit.telemetry.server", "");
`

// OpenFirefox starts Firefox with an empty tab until the test ends. Without Firefox the test is skipped.
func OpenFirefox(tb testing.TB, size Size) *Firefox {
	tb.Helper()
	path, err := exec.LookPath("firefox-esr")
	if err != nil {
		path = Tool(tb, "firefox")
	}
	profile := tb.TempDir()
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(firefoxSettings), 0o600); err != nil {
		tb.Fatal(err)
	}
	said, err := os.Create(filepath.Join(profile, "said"))
	if err != nil {
		tb.Fatal(err)
	}
	defer said.Close()
	cmd := exec.Command(path, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0", "about:blank") //nolint:noctx // it is killed when the test ends
	cmd.Env = append(os.Environ(), "MOZ_HEADLESS=1", "HOME="+profile)
	cmd.Stdout, cmd.Stderr = said, said
	running, err := process.Start(cmd)
	if err != nil {
		tb.Fatal(err)
	}
	f := &Firefox{tb: tb, waiting: map[int]chan bidiAnswer{}}
	tb.Cleanup(func() {
		if f.socket != nil {
			_, _ = f.call("browser.close", nil) // ends its other processes, too
		}
		_ = running.Kill()
		for _, fault := range f.Faults() {
			tb.Error(fault)
		}
	})
	f.connect(firefoxAddress(tb, said.Name()) + "/session")
	f.must("session.new", map[string]any{"capabilities": map[string]any{}})
	f.must("session.subscribe", map[string]any{"events": []string{"log.entryAdded"}})
	f.context = field(tb, f.must("browsingContext.create", map[string]any{"type": "tab"}), "context")
	f.must("browsingContext.setViewport", map[string]any{
		"context": f.context, "viewport": map[string]any{"width": size.Width, "height": size.Height}, "devicePixelRatio": size.Scale,
	})
	return f
}

// firefoxAddress waits until Firefox says where it listens.
func firefoxAddress(tb testing.TB, file string) (address string) {
	tb.Helper()
	Wait(tb, "Firefox listens", func() error {
		said, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		found := regexp.MustCompile(`WebDriver BiDi listening on (ws://\S+)`).FindSubmatch(said)
		if found == nil {
			return errors.New(process.Tail(string(said)))
		}
		address = string(found[1])
		return nil
	})
	return address
}

func (f *Firefox) connect(url string) {
	f.tb.Helper()
	ctx, cancel := context.WithTimeout(f.tb.Context(), MaxWait)
	defer cancel()
	socket, answer, err := websocket.Dial(ctx, url, nil)
	if answer != nil && answer.Body != nil {
		_ = answer.Body.Close()
	}
	if err != nil {
		f.tb.Fatalf("connect to Firefox: %v", err)
	}
	const largest = 64 << 20 // a picture of a large screen
	socket.SetReadLimit(largest)
	f.socket = socket
	go f.read()
}

// read gives answers to those who wait for them, and takes events, until the connection ends.
func (f *Firefox) read() {
	for {
		_, message, err := f.socket.Read(context.Background())
		var a bidiAnswer
		if err == nil {
			err = json.Unmarshal(message, &a)
		}
		f.mu.Lock()
		switch {
		case err != nil:
			f.gone = err
			for _, w := range f.waiting {
				close(w)
			}
			f.waiting = nil
		case a.Type == "event":
			f.hear(a)
		case a.ID != nil:
			if w := f.waiting[*a.ID]; w != nil {
				w <- a
				delete(f.waiting, *a.ID)
			}
		}
		f.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// hear takes an event. f.mu is held.
func (f *Firefox) hear(a bidiAnswer) {
	var entry struct{ Level, Text, Type string }
	if json.Unmarshal(a.Params, &entry) == nil && entry.Level == "error" {
		f.wrong = append(f.wrong, entry.Type+": "+entry.Text)
	}
}

// call runs a command of WebDriver BiDi.
func (f *Firefox) call(method string, params map[string]any) (json.RawMessage, error) {
	if params == nil {
		params = map[string]any{}
	}
	f.mu.Lock()
	if f.gone != nil {
		defer f.mu.Unlock()
		return nil, f.gone
	}
	f.last++
	id, answered := f.last, make(chan bidiAnswer, 1)
	f.waiting[id] = answered
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), MaxWait)
	defer cancel()
	message, err := json.Marshal(map[string]any{"id": id, "method": method, "params": params})
	if err != nil {
		return nil, err
	}
	if err := f.socket.Write(ctx, websocket.MessageText, message); err != nil {
		return nil, err
	}
	select {
	case a, open := <-answered:
		if !open {
			return nil, f.gone
		}
		if a.Type == "error" {
			return nil, fmt.Errorf("%s: %s", a.Error, a.Message)
		}
		return a.Result, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (f *Firefox) must(method string, params map[string]any) json.RawMessage {
	f.tb.Helper()
	result, err := f.call(method, params)
	if err != nil {
		f.tb.Fatalf("Firefox, %s: %v", method, err)
	}
	return result
}

// Go opens an address and waits until the page and what it names are loaded.
func (f *Firefox) Go(url string) {
	f.tb.Helper()
	f.must("browsingContext.navigate", map[string]any{"context": f.context, "url": url, "wait": "complete"})
}

// eval returns the value of an expression as JSON. It awaits a promise.
func (f *Firefox) eval(js string) (string, error) {
	result, err := f.call("script.evaluate", map[string]any{
		"expression": "(async () => JSON.stringify(await (" + js + ")) ?? \"null\")()", "awaitPromise": true, "target": map[string]any{"context": f.context},
	})
	if err != nil {
		return "", err
	}
	var said struct {
		Type             string
		Result           struct{ Value string }
		ExceptionDetails struct{ Text string }
	}
	if err := json.Unmarshal(result, &said); err != nil {
		return "", err
	}
	if said.Type != "success" {
		return "", errors.New(said.ExceptionDetails.Text)
	}
	return said.Result.Value, nil
}

// Eval puts the value of an expression of JavaScript into v.
func (f *Firefox) Eval(js string, v any) {
	f.tb.Helper()
	value, err := f.eval(js)
	if err == nil {
		err = json.Unmarshal([]byte(value), v)
	}
	if err != nil {
		f.tb.Fatalf("%s: %v", js, err)
	}
}

// Run runs JavaScript, in which await may be used.
func (f *Firefox) Run(js string) {
	f.tb.Helper()
	if _, err := f.eval("(async () => {" + js + "\n})()"); err != nil {
		f.tb.Fatalf("%s: %v", js, err)
	}
}

// Until waits until an expression of JavaScript is true. What it throws is taken for false.
func (f *Firefox) Until(js string) {
	f.tb.Helper()
	Wait(f.tb, js, func() error {
		value, err := f.eval("Boolean(await (" + js + "))")
		if err == nil && value != "true" {
			err = errors.New("it is not so")
		}
		return err
	})
}

// Click scrolls to the element and clicks on its middle.
func (f *Firefox) Click(css string) {
	f.tb.Helper()
	selector, err := json.Marshal(css)
	if err != nil {
		f.tb.Fatal(err)
	}
	var at struct{ X, Y float64 }
	f.Eval(`(() => {
		const element = document.querySelector(`+string(selector)+`);
		element.scrollIntoView({block: "center", behavior: "instant"});
		const r = element.getBoundingClientRect();
		return {X: r.x + r.width / 2, Y: r.y + r.height / 2};
	})()`, &at)
	f.must("input.performActions", map[string]any{"context": f.context, "actions": []any{map[string]any{
		"type": "pointer", "id": "mouse", "actions": []any{
			map[string]any{"type": "pointerMove", "x": int(at.X), "y": int(at.Y)},
			map[string]any{"type": "pointerDown", "button": 0},
			map[string]any{"type": "pointerUp", "button": 0},
		},
	}}})
}

// Picture returns a PNG of what is seen. It is kept as NAME.png with go test -artifacts -outputdir FOLDER.
func (f *Firefox) Picture(name string) []byte {
	f.tb.Helper()
	png, err := base64.StdEncoding.DecodeString(field(f.tb, f.must("browsingContext.captureScreenshot", map[string]any{"context": f.context}), "data"))
	if err != nil {
		f.tb.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.tb.ArtifactDir(), name+".png"), png, 0o600); err != nil {
		f.tb.Error(err)
	}
	return png
}

// Expect names faults that the test provokes, by regular expressions.
func (f *Firefox) Expect(patterns ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range patterns {
		f.expected = append(f.expected, regexp.MustCompile(p))
	}
}

// Faults returns what has gone wrong in the page until now and was not expected.
func (f *Firefox) Faults() (all []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range f.wrong {
		if !matchesAny(f.expected, fault) {
			all = append(all, "Firefox: "+fault)
		}
	}
	return all
}

// field returns one string of an answer.
func field(tb testing.TB, answer json.RawMessage, name string) string {
	tb.Helper()
	var all map[string]any
	if err := json.Unmarshal(answer, &all); err != nil {
		tb.Fatal(err)
	}
	s, ok := all[name].(string)
	if !ok {
		tb.Fatalf("Firefox answers %s", strings.TrimSpace(string(answer)))
	}
	return s
}
