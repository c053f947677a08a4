package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

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
	in := browser.Up(t, "--cors-origin", "*")
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
	if ahead := browser.Eval[float64](one, `crowd.state.clockAhead`); ahead < -200 || ahead > 200 {
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
