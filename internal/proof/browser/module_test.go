package browser_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/emostream/emostream/internal/proof/browser"
	"github.com/emostream/emostream/server/web"
)

// crowd is a page's script that connects by emostream.js with options, which are JavaScript, and
// keeps what it is told: the windows by their ends, the connection's states, and taps.
func crowd(options string) string {
	return `
const { connect } = await import("/emostream.js");
const crowd = globalThis.crowd = connect(` + options + `);
globalThis.told = { swarms: [], states: [], taps: [], configs: 0 };
globalThis.windows = new Map();
crowd.addEventListener("swarm", e => { told.swarms.push(e.detail); windows.set(e.detail.window.end, e.detail); });
crowd.addEventListener("state", e => { if (told.states.at(-1) !== e.detail.connection) told.states.push(e.detail.connection); });
crowd.addEventListener("config", () => told.configs++);
for (const type of ["accepted", "refused"]) crowd.addEventListener(type, e => told.taps.push(type + " " + e.detail.emoji + " " + e.detail.count));
globalThis.seen = emoji => [...windows.values()].flatMap(w => w.emojis).filter(e => e.emoji_type === emoji).reduce((n, e) => n + e.emoji_count, 0);
globalThis.own = emoji => [...windows.values()].reduce((n, w) => n + (w.own[emoji] ?? 0), 0);
`
}

// What is tapped in one browser is seen in another, and known as one's own in the first.
func TestModuleTaps(t *testing.T) {
	t.Parallel()
	in := browser.Up(t)
	one, other := browser.Open(t, browser.Phone), browser.Open(t, browser.Laptop)
	for _, tab := range []*browser.Tab{one, other} {
		tab.Go(in.Page + "/robots.txt")
		tab.Run(crowd(""))
		tab.Until(`crowd.state.connection === "live" && crowd.config?.palette.length > 0`)
	}
	one.Run(`
const first = crowd.tap("🔥"); // sent at once
if (first.result !== "pending" || crowd.state.pending !== 1) throw new Error("it is " + first.result);
crowd.tap("🔥", 4); crowd.tap("❤"); crowd.tap("A"); crowd.tap("🔥", 0); // in one request
await Promise.all([first.done, crowd.tap("🔥", 5).done]);
if (!(Math.abs(first.acceptedAt - Date.now()) < 10000)) throw new Error("accepted at " + first.acceptedAt);`)
	one.Until(`crowd.state.pending === 0`)
	if got, want := browser.Eval[string](one, `told.taps.join(", ")`), "refused 🔥 0, accepted 🔥 1, accepted 🔥 4, accepted 🔥 5, accepted ❤ 1, refused A 1"; got != want {
		t.Errorf("of the taps is told: %s, want %s", got, want)
	}
	other.Until(`seen("🔥") === 10 && seen("❤️") === 1 && own("🔥") === 0`)
	one.Until(`seen("🔥") === 10 && seen("❤️") === 1`)
	if !browser.Eval[bool](one, `own("🔥") === 10 && own("❤️") === 1`) {
		t.Errorf("the first tab's own are %s", browser.Eval[string](one, `JSON.stringify([...windows.values()].map(w => w.own))`))
	}
	if got := browser.Eval[string](one, `told.states.filter(s => s !== "connecting").join()`); got != "live" {
		t.Errorf("the states are %s", got)
	}
	// It is known as exactly as answers are quick.
	if ahead := browser.Eval[float64](one, `crowd.state.clockAhead`); ahead < -5000 || ahead > 5000 {
		t.Errorf("the clock of the same machine is %v ms ahead", ahead)
	}
}

// What the module decides, in a world in which time passes when the test says so, and in
// which the test is the servers: testdata/module_cases.js.
func TestModuleDecides(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	(&web.Handler{}).Routes(mux)
	mux.Handle("/testdata/", http.FileServer(http.Dir(".")))
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	tab := browser.Open(t, browser.Laptop)
	tab.Go(srv.URL + "/robots.txt")
	names := browser.Eval[[]string](tab, `import("/testdata/module_cases.js").then(({cases}) => { globalThis.cases = cases; return Object.keys(cases); })`)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			js := fmt.Sprintf(`cases[%q]().then(() => "", error => error.stack)`, name)
			if got := browser.Eval[string](tab, js); got != "" {
				t.Error(got)
			}
		})
	}
}

// site is a web site of its own, whose pages use an installation of another origin.
type site struct {
	*httptest.Server
	mu     sync.Mutex
	key    []byte
	lives  []time.Duration // of the tokens that it gives, of which the last is that of all further ones
	issued int
}

// newSite returns a site with an empty page, and with tokens at /token.
func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{key: []byte(strings.Repeat("a secret of the site ", 3)), lives: []time.Duration{time.Hour}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, `<!doctype html><title>A site</title><link rel=icon href="data:,">`)
	})
	mux.HandleFunc("GET /token", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		now := time.Now()
		signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
			"aud": "emostream", "sub": "ann", "scope": "emostream:send emostream:watch", "exp": now.Add(s.lives[min(s.issued, len(s.lives)-1)]).Unix(),
		}).SignedString(s.key)
		if err != nil {
			t.Error(err)
		}
		s.issued++
		_, _ = io.WriteString(w, signed)
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// keyFile returns a file for --auth-keys.
func (s *site) keyFile(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "site.secret")
	if err := os.WriteFile(name, s.key, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// tokens returns how many tokens the site has given.
func (s *site) tokens() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issued
}

// tapping is a page's script that taps every 100 ms until stop is called, which returns how many taps were accepted.
const tapping = `
const tapper = setInterval(() => crowd.tap("🔥"), 100);
globalThis.stop = async () => {
	clearInterval(tapper);
	while (crowd.state.pending) await new Promise(done => setTimeout(done, 50));
	return told.taps.filter(text => text === "accepted 🔥 1").length;
};`

// renewing opens a page of a site of another origin than the servers. It taps, and its site has
// given it four tokens: the first one had run out, and the others are asked for before they do.
func renewing(t *testing.T, page browser.Page) *site {
	t.Helper()
	s := newSite(t)
	s.lives = []time.Duration{-time.Minute, 12 * time.Second}
	in := browser.Up(t, "--auth-keys", s.keyFile(t), "--cors-origin", s.URL)
	page.Go(s.URL + "/")
	page.Run(strings.Replace(crowd(`{ token: () => fetch("/token").then(answer => answer.text()) }`), `"/emostream.js"`, `"`+in.Page+`/emostream.js"`, 1))
	page.Until(`crowd.state.connection === "live"`)
	page.Run(tapping) // not before: a stream begins with the newest window
	browser.Wait(t, "four tokens", func() error {
		if n := s.tokens(); n < 4 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	return s
}

// A page of another origin shows tokens, which its site gives, and asks for a new one before
// the old one runs out: its stream has no gap, and no tap is refused.
func TestModuleRenewsItsToken(t *testing.T) {
	t.Parallel()
	tab := browser.Open(t, browser.Laptop)
	tab.Expect(`status of 401`)
	s := renewing(t, tab)
	accepted := browser.Eval[int](tab, `stop()`)
	if accepted < 50 {
		t.Errorf("%d taps were accepted", accepted)
	}
	tab.Until(fmt.Sprintf(`seen("🔥") === %d && own("🔥") === %[1]d`, accepted))
	// On a busy machine it may be too late for the ticket: then it reconnects.
	if got := browser.Eval[string](tab, `[...told.states.filter(s => !["connecting", "live", "reconnecting"].includes(s)), ...told.taps.filter(text => text !== "accepted 🔥 1")].join()`); got != "" {
		t.Errorf("it tells %s", got)
	}

	s.mu.Lock()
	s.lives = []time.Duration{-time.Minute} // whoever is logged out gets none that is good
	s.mu.Unlock()
	tab.Until(`crowd.state.connection === "signed_out" && crowd.state.code === "token_expired"`)
}

// A page whose origin a server does not invite is told so, of the main server and of a subscriber server. Browsers do not
// tell a page that from a server that is gone.
func TestModuleIsNotInvited(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, test := range map[string]struct {
		serve []string
		by    func(*browser.Installation) string
	}{
		"by the main server":     {nil, func(in *browser.Installation) string { return in.Page }},
		"by a subscriber server": {[]string{"--cors-origin", s.URL}, func(in *browser.Installation) string { return in.Subscribers["sub1"] }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := browser.Stages(t, browser.Config{Subscribers: 1, Serve: test.serve})
			onEach(t, func(_ *testing.T, page browser.Page) {
				page.Expect("CORS", "Cross-Origin", "ERR_FAILED", "Failed to load", "can’t establish a connection")
				page.Go(s.URL + "/")
				page.Run(strings.Replace(crowd(""), `"/emostream.js"`, `"`+in.Page+`/emostream.js"`, 1))
				page.Until(`crowd.state.code === "origin_not_invited"`)
				page.Until(`crowd.state.connection === "refused" && crowd.state.error === "the server at ` + test.by(in) + ` does not let pages of ` + s.URL + ` in: let the operator invite them with --cors-origin ` + s.URL + `"`)
			})
		})
	}
}

// Over HTTPS more tabs listen and tap than a browser keeps connections.
func TestManyTabs(t *testing.T) {
	t.Parallel()
	cert := httptest.NewUnstartedServer(nil)
	cert.StartTLS()
	t.Cleanup(cert.Close)
	pair := cert.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "cert.pem")
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	in := browser.Up(t, "--https-cert", name, "--subscribers", "1", "--clusters", "1")
	first := browser.Open(t, browser.Laptop)
	tabs := []*browser.Tab{first}
	for len(tabs) < 8 {
		tabs = append(tabs, first.Beside(browser.Laptop))
	}
	for _, tab := range tabs {
		tab.TrustAny()
		tab.Go(in.Page + "/robots.txt")
		tab.Run(crowd(""))
	}
	for _, tab := range tabs {
		tab.Until(`crowd.state.connection === "live"`)
		tab.Run(`crowd.tap("🔥")`)
	}
	for _, tab := range tabs {
		tab.Until(`seen("🔥") === 8`)
	}
}
