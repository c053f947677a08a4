package browser_test

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/emostream/emostream/internal/proof/browser"
	"github.com/emostream/emostream/server/web"
)

// page opens the page people tap on with a double of emostream.js, which the test speaks through as crowd.
func page(t *testing.T, size browser.Size, rest string) *browser.Tab {
	t.Helper()
	tab := browser.Open(t, size)
	tab.Go(pageWithDouble(t) + "/" + rest)
	tab.Until(`window.crowd`)
	return tab
}

// pageWithDouble serves the page with a double of emostream.js.
func pageWithDouble(t *testing.T) (url string) {
	t.Helper()
	double, err := os.ReadFile("testdata/page_double.js")
	if err != nil {
		t.Fatal(err)
	}
	pages, mux := http.NewServeMux(), http.NewServeMux()
	(&web.Handler{}).Routes(pages)
	mux.Handle("/", pages)
	mux.HandleFunc("/emostream.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		if _, err := w.Write(double); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("/login", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if _, err := w.Write([]byte(`<!doctype html><html lang=en><title>Login</title><link rel=icon href="data:,"><p>Log in`)); err != nil {
			t.Error(err)
		}
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL
}

// live makes the page live.
const live = `crowd.offer(); crowd.set({connection: "live"});`

// is fails the test unless an expression of JavaScript has a value.
func is[T comparable](t *testing.T, tab *browser.Tab, js string, want T) {
	t.Helper()
	if got := browser.Eval[T](tab, js); got != want {
		t.Errorf("%s is %v, want %v", js, got, want)
	}
}

// What is tapped in one browser is seen in another, and is one's own share in the first.
func TestPageTaps(t *testing.T) {
	t.Parallel()
	in := browser.Up(t)
	one, other := browser.Open(t, browser.Phone), browser.Open(t, browser.Laptop)
	for _, tab := range []*browser.Tab{one, other} {
		tab.Go(in.Page + "/")
		tab.Until(`document.querySelector("#connection").innerText === "Live" && document.querySelector("[data-emoji='🔥']")`)
	}
	one.Touch(`.dock [data-emoji='🔥']`)
	one.Touch(`.dock [data-emoji='🚀']`)
	one.Key("1")
	one.Until(`document.querySelector("#mine").innerText.replace(/\s+/g, " ") === "Your taps 3 counted"`)
	other.Until(`document.querySelector("#ranks").innerText.includes("🔥")`)
	one.Until(`/^\d of the \d 🔥 were yours$|^All \d (🔥|🚀) were yours$|^The only (🔥|🚀) was yours$/.test(document.querySelector("#share").innerText)`)
	one.Offline(true)
	one.Until(`document.querySelector("#connection").innerText === "Offline" && document.querySelector("#notice").innerText.startsWith("You are offline.")`)
	one.Offline(false)
	one.Until(`document.querySelector("#connection").innerText === "Live"`)
	one.Expect("Failed to load resource: net::ERR_INTERNET_DISCONNECTED", "Failed to load resource: net::ERR_NETWORK_CHANGED")
}

// Every state of the connection and of the channel is told, at once, to those who see and to those who listen, and in
// every one of them the page is accessible.
func TestPageStates(t *testing.T) {
	t.Parallel()
	tab := page(t, browser.Phone, "")
	for i, test := range []struct {
		name, set, pill, notice string
		shut                    bool
		said                    string // where it is not what is seen
	}{
		{"connecting", `{connection: "connecting"}`, "Connecting", "", false, ""},
		{"live", `{connection: "live"}`, "Live", "", false, ""},
		{"reconnecting", `{connection: "reconnecting", retryIn: 60000}`, "Retry in 60 s", "", false, "Reconnecting"},
		{"full", `{connection: "full", retryIn: 60000}`, "Full, retry in 60 s", "The room is full. There is no place to watch now; the page tries again by itself. You can tap all the same.", false, ""},
		{"offline", `{connection: "offline"}`, "Offline", "You are offline. It goes on when the network is back.", false, ""},
		{"signed out", `{connection: "signed_out"}`, "Signed out", "Sign in to join.", false, ""},
		{"live where sending needs a token", `(crowd.offer({token_needed: {send: true, watch: false}}), {connection: "live"})`, "Live", "Sign in to react. You can watch without it.", true, ""},
		{"signed out and sending needs a token", `(crowd.offer({token_needed: {send: true, watch: true}}), {connection: "signed_out"})`, "Signed out", "Sign in to join.", true, ""},
		{"refused", `{connection: "refused", code: "channel_not_allowed", error: "no <b>such</b> channel"}`, "Not connected", "Not connected. no <b>such</b> channel", false, ""},
		{"closed", `{connection: "live", channel: {state: "closed", reason: "That was it"}}`, "Closed", "This channel is closed. That was it", true, ""},
		{"paused", `{connection: "live", channel: {state: "paused", reason: "عودة قريبا"}}`, "Paused", "Reactions are paused. عودة قريبا", true, ""},
		{"slowed", `{connection: "live", channel: {state: "slowed", perUser: "1/s"}}`, "Slow mode", "Slow mode: 1 a second from each.", false, ""},
		{"slowed to 30 a minute", `{connection: "live", channel: {state: "slowed", perUser: "30/m:5", reason: "<b>Calm</b>"}}`, "Slow mode", "Slow mode: 30 a minute from each. <b>Calm</b>", false, ""},
	} {
		t.Logf("state: %s", test.name)
		tab.Scheme([]string{"dark", "light"}[i%2])
		tab.Run(`crowd.taps.length = 0; crowd.state = {connection: "connecting", channel: {state: "open"}, pending: 0, clockAhead: 0};` +
			live + `crowd.swarm(0, {"🔥": 300, "🎉": 120}, {"🔥": 3}); crowd.set(` + test.set + `)`)
		tab.Until(fmt.Sprintf(`document.querySelector("#connection").innerText.replace(/\b[345]\d s/, "60 s") === %q`, test.pill))
		is(t, tab, `(n => n.hidden ? "" : n.innerText.trim())(document.querySelector("#notice"))`, test.notice)
		is(t, tab, `document.querySelector("#say-state").textContent`, cmp.Or(test.notice, test.said, test.pill))
		is(t, tab, `document.querySelector(".dock .react").getAttribute("aria-disabled")`, strconv.FormatBool(test.shut))
		tab.Run(`document.querySelector(".dock .react").click()`)
		is(t, tab, `crowd.taps.length`, map[bool]int{true: 0, false: 1}[test.shut])
		tab.Axe()
		tab.Picture(test.name)
	}
}

// A pause that ends by itself says when, in the person's own time.
func TestPagePausedUntil(t *testing.T) {
	t.Parallel()
	tab := page(t, browser.Laptop, "")
	tab.Run(live + `crowd.set({channel: {state: "paused", until: Date.now() + 60000, reason: "Soon"}})`)
	is(t, tab, `/^Reactions are paused until \d+:\d\d( [AP]M)?\. Soon$/.test(document.querySelector("#notice").innerText.trim())`, true)
	tab.Run(`crowd.set({channel: {state: "open"}})`)
	is(t, tab, `document.querySelector("#notice").hidden`, true)
}

// Taps that wait, are counted, are refused, and are perhaps counted are told apart, and not by color alone.
func TestPageResults(t *testing.T) {
	t.Parallel()
	tab := page(t, browser.Phone, "")
	tab.Run(live)
	for _, key := range []string{"1", "1", "2", "3", "4"} {
		tab.Key(key)
	}
	is(t, tab, `crowd.taps.map(t => t.emoji).join("")`, "🔥🔥😂👍🎉")
	tab.Until(`document.querySelector("[data-emoji='🔥']").dataset.result === "pending" && document.querySelector("[data-emoji='🔥'] .badge").dataset.text === "2"`)
	is(t, tab, `document.querySelector("#mine").innerText.replace(/\s+/g, " ")`, "Your taps 5 on the way")
	tab.Run(`
crowd.taps[0].answer("accepted");
crowd.taps[1].answer("accepted");
crowd.taps[2].answer("refused", "rate_limited", "more than <i>a user</i> may send");
crowd.taps[3].answer("in_doubt");
await 0;
window.toasts = [...document.querySelectorAll("#toast p")].map(p => p.innerText.replace(/\s+/g, " ")).join("|"); // they go after a while`)
	for emoji, want := range map[string]string{"🔥": "accepted ✓2", "😂": "refused ✕", "👍": "in_doubt ?", "🎉": "pending 1"} {
		tab.Until(fmt.Sprintf(`(b => b.dataset.result + " " + b.querySelector(".badge").dataset.text)(document.querySelector("[data-emoji='%s']")) === %q`, emoji, want))
	}
	is(t, tab, `document.querySelector("#mine").innerText.replace(/\s+/g, " ")`, "Your taps 2 counted 1 on the way 1 refused 1 perhaps counted")
	is(t, tab, `toasts`, "😂 more than <i>a user</i> may send|👍 No answer came: it may be counted, or not.")
	tab.Axe()
	tab.Run(`for (let i = 0; i < 5; i++) { crowd.tap("😂"); crowd.taps.at(-1).answer("refused", "rate_limited", "more than <i>a user</i> may send"); }
await 0;
window.shown = document.querySelectorAll("#toast p").length;`)
	is(t, tab, `shown`, 2)
}

// A reaction that is held is sent again and again until it is let go; one from which the finger slides away is not sent.
func TestPageHold(t *testing.T) {
	t.Parallel()
	tab := page(t, browser.Laptop, "")
	tab.Run(live)
	box := browser.Eval[[]float64](tab, `(b => [b.x + b.width / 2, b.y + b.height / 2])(document.querySelector(".dock .react").getBoundingClientRect())`)
	mouse := func(x, y float64, types ...string) {
		for _, kind := range types {
			tab.Run(fmt.Sprintf(`document.elementFromPoint(%f, %f).dispatchEvent(new PointerEvent(%q, {bubbles: true, pointerId: 7, clientX: %f, clientY: %f}))`, x, y, kind, x, y))
		}
	}
	mouse(box[0], box[1], "pointerdown")
	tab.Until(`crowd.taps.length >= 4`)
	mouse(box[0], box[1], "pointerup")
	tab.Run(`window.sent = crowd.taps.length; await new Promise(r => setTimeout(r, 300));`)
	is(t, tab, `crowd.taps.length === sent`, true)
	mouse(box[0], box[1], "pointerdown")
	tab.Run(`document.querySelector(".dock .react").dispatchEvent(new PointerEvent("pointerout", {bubbles: true, pointerId: 7}))`)
	mouse(box[0], box[1], "pointerup")
	is(t, tab, `crowd.taps.length === sent`, true)
	tab.Do(chromedp.MouseClickXY(box[0], box[1]))
	is(t, tab, `crowd.taps.length === sent + 1`, true)
	tab.Run(`crowd.set({channel: {state: "slowed", perUser: "1/m"}})`) // no faster than the servers take
	mouse(box[0], box[1], "pointerdown")
	tab.Until(`crowd.taps.length === sent + 2`)
	tab.Run(`await new Promise(r => setTimeout(r, 300));`)
	is(t, tab, `crowd.taps.length === sent + 2`, true)
}

// A palette of 50 is searched by name, used by keyboard, and takes any emoji where the server does.
func TestPagePalette(t *testing.T) {
	t.Parallel()
	tab := page(t, browser.Laptop, "")
	tab.Run(`
const palette = [...Array(50)].map((_, i) => String.fromCodePoint(0x1F400 + i));
crowd.offer({palette, names: Object.fromEntries(palette.map((e, i) => [e, i === 40 ? "bactrian camel" : "animal " + i]))});
crowd.set({connection: "live"});`)
	is(t, tab, `document.querySelectorAll(".dock .react").length`, 10)
	is(t, tab, `document.querySelectorAll("#found .react").length`, 50)
	tab.Key("3")
	is(t, tab, `crowd.taps.at(-1).emoji`, "🐂")
	tab.Key("/")
	tab.Until(`document.activeElement.id === "search"`)
	tab.Axe()
	tab.Key("CaMel bact")
	is(t, tab, `[...document.querySelectorAll("#found .react")].map(b => b.getAttribute("aria-label")).join()`, "bactrian camel")
	tab.Key(kb.Enter)
	is(t, tab, `crowd.taps.at(-1).emoji`, "🐨")
	tab.Key("1") // text, and no tap
	is(t, tab, `crowd.taps.length`, 2)
	tab.Run(`const s = document.querySelector("#search"); s.value = " 🦄 "; s.dispatchEvent(new Event("input"))`)
	tab.Key(kb.Enter)
	is(t, tab, `crowd.taps.at(-1).emoji`, "🦄")
	tab.Run(`const s = document.querySelector("#search"); s.value = "zzz"; s.dispatchEvent(new Event("input"))`)
	is(t, tab, `document.querySelector("#found-none").innerText.startsWith("Nothing has that name.")`, true)
	tab.Key(kb.Escape + kb.Escape) // the first one clears the field
	tab.Until(`!document.querySelector("#more").matches(":popover-open")`)

	// The bar has one place in the order of Tab; arrows go on from there.
	tab.Run(`document.querySelector(".dock .react").focus()`)
	tab.Key(kb.ArrowRight + kb.ArrowRight + kb.ArrowLeft + kb.Enter)
	is(t, tab, `crowd.taps.at(-1).emoji`, "🐁")
	is(t, tab, `document.querySelectorAll(".dock [tabindex='0']").length`, 1)
	tab.RightToLeft()
	tab.Key(kb.ArrowRight + kb.Enter)
	is(t, tab, `crowd.taps.at(-1).emoji`, "🐀")

	// An emoji that managers hide goes from the bar; the keys can be switched off.
	tab.Run(`crowd.offer({palette: ["🎉", "🔥"], any_emoji: false})`)
	is(t, tab, `[...document.querySelectorAll(".dock .react")].map(b => b.dataset.emoji).join("")`, "🎉🔥")
	tab.Run(`document.querySelector("#set-keys").click(); document.activeElement.blur()`)
	tab.Key("1")
	is(t, tab, `crowd.taps.at(-1).emoji`, "🐀")
	tab.Reload()
	tab.Until(`window.crowd`)
	is(t, tab, `document.querySelector("#set-keys").checked`, false)
}

// Screen readers are told what the crowd sends every 15 seconds at most, and nothing once that is switched off.
func TestPageSays(t *testing.T) {
	t.Parallel()
	tab := browser.Open(t, browser.Laptop)
	tab.Before(`setInterval = f => { window.second = f; };`) // what the page does each second is done by the test
	tab.Go(pageWithDouble(t) + "/")
	tab.Until(`window.crowd`)
	tab.Run(live + `
window.said = [];
new MutationObserver(() => said.push(document.querySelector("#say").textContent)).observe(document.querySelector("#say"), {childList: true});
window.clock = Date.now();
Date.now = () => clock;
crowd.swarm(0, {"🔥": 1000, "🎉": 20}, {"🔥": 2});
crowd.swarm(0, {"🔥": 1200, "🎉": 20}, {"🔥": 2}); // the same window, which has grown
crowd.swarm(1, {"🎉": 30, "🚀": 7, "😂": 1});
clock += 14999;
second();
await 0; // observers are told
if (said.length > 0) throw new Error("too early: " + said);
clock += 1;
second();`)
	is(t, tab, `said.length`, 1)
	is(t, tab, `said[0]`, "1,258 reactions: fire 1,200, party popper 50, rocket 7. 2 yours.")
	tab.Run(`
document.querySelector("#set-say").click();
crowd.swarm(2, {"🔥": 5});
clock += 16000;
second();
await 0;
if (said.length > 1) throw new Error("said " + said);`)
}

// A token in the address is taken out of it and kept for the tab. Who has none that holds is sent to log in, and not twice
// in a row.
func TestPageToken(t *testing.T) {
	t.Parallel()
	tab := page(t, browser.Phone, "?x=1#channel=stage-1&token=a.b.c")
	is(t, tab, `location.search + location.hash`, "?x=1#channel=stage-1")
	is(t, tab, `crowd.options.token() + " " + crowd.options.channel`, "a.b.c stage-1")
	is(t, tab, `document.querySelector("h1").innerText`, "stage-1")
	tab.Reload()
	tab.Until(`window.crowd?.options.token`)
	is(t, tab, `crowd.options.token()`, "a.b.c")
	tab.Run(`setTimeout(() => { crowd.offer({login_url: new URL("/login", location).href}); crowd.set({connection: "signed_out", code: "token_expired"}); })`)
	tab.Until(`location.pathname === "/login" && document.title === "Login"`)
	tab.Run(`setTimeout(() => location.assign("/#token=d.e.f"))`)
	tab.Until(`window.crowd?.options.token`)
	is(t, tab, `crowd.options.token() + " " + crowd.options.channel`, "d.e.f stage-1")
	is(t, tab, `location.hash`, "")
	tab.Run(`crowd.offer({login_url: new URL("/login", location).href}); crowd.set({connection: "signed_out", code: "token_invalid"})`)
	is(t, tab, `document.querySelector("#sign-in").hidden + " " + new URL(document.querySelector("#sign-in").href).pathname`, "false /login")
	is(t, tab, `document.querySelector("#notice").innerText.replace(/\s+/g, " ").trim()`, "Sign in to join. Your session has ended. Sign in")
	tab.Axe()
	tab.Run(`document.querySelector("#settings-open").click(); document.querySelector("#sign-out").click()`)
	is(t, tab, `crowd.options.token === undefined && sessionStorage.getItem("emostream.token") === null`, true)
	tab.Run(`history.replaceState(null, "", location.origin + "//"); location.hash = "token=g.h.i"`) // which the server takes for /
	tab.Until(`crowd.options.token?.() === "g.h.i"`)
	is(t, tab, `location.href === location.origin + "//"`, true)
}

// Texts and numbers that no honest server sends do no harm, and are forgotten.
func TestPageHostileSwarms(t *testing.T) {
	t.Parallel()
	tab := page(t, browser.Laptop, "#channel=%3Cimg%20src=x%20onerror=alert(1)%3E")
	is(t, tab, `document.querySelector("h1").innerText`, "<img src=x onerror=alert(1)>")
	tab.Run(live + `
const hostile = ["constructor", "__proto__", "toString", "<img src=x onerror=alert(1)>", "\u202e🔥", "🔥".repeat(2000)];
const numbers = [1e999, 1e308, -5, 0.5, 0];
hostile.forEach((emoji, i) => {
  const at = new Date(Date.UTC(2026, 0, 1) + 2000 * i).toISOString();
  const window = {start: at, end: new Date(Date.parse(at) + 2000).toISOString()};
  crowd.tell("swarm", {window, total: numbers[i % 5], own: Object.create(null), emojis: hostile.map((emoji_type, j) => ({
    emoji_type, emoji_count: numbers[(i + j) % 5], emoji_count_aggregated: numbers[(i + 2 * j) % 5],
  }))});
});
crowd.set({channel: {state: "paused", reason: "<img src=x onerror=alert(1)>"}});
crowd.offer({palette: ["__proto__", "constructor", ...Array.from({length: 10_000}, (_, i) => "<b>" + i)], names: {}});
`)
	is(t, tab, `document.querySelectorAll("img, b").length`, 0)
	is(t, tab, `document.querySelector("#notice").innerText.includes("<img src=x onerror=alert(1)>")`, true)
	tab.Run(live + `crowd.set({channel: {state: "open"}}); crowd.swarm(0, {"🔥": 7}); await new Promise(r => setTimeout(r, 700)); crowd.swarm(1, {"🔥": 8})`)
	tab.Until(`document.querySelector("#total").textContent === "8" && document.querySelector("#ranks").innerText.includes("8")`)
	is(t, tab, `document.querySelectorAll("#ranks li, .dock .react").length`, 11)
}

// A token that runs out where everybody may watch ends the taps, and the page asks for another one.
func TestPageTokenEnds(t *testing.T) {
	t.Parallel()
	tab := page(t, browser.Phone, "#token=a.b.c")
	tab.Run(`crowd.offer({token_needed: {send: true, watch: false}}); crowd.set({connection: "live"});`)
	tab.Key("1")
	is(t, tab, `document.querySelector("#notice").hidden && crowd.taps.length === 1`, true)
	tab.Run(`crowd.taps[0].answer("refused", "token_expired", "the token has run out")`)
	is(t, tab, `document.querySelector("#notice").innerText.trim()`, "Sign in to react. Your session has ended.")
	tab.Key("1")
	is(t, tab, `crowd.taps.length`, 1)
}

// Without a name of a channel the page takes one that the server allows, and offers those that it names.
func TestPageChannels(t *testing.T) {
	t.Parallel()
	tab := page(t, browser.Laptop, "")
	tab.Run(`crowd.offer({channels: ["stage-1", "stage-2", "x-*"]})`)
	tab.Until(`crowd.channel === "stage-1"`)
	tab.Run(`crowd.offer({channels: ["stage-1", "stage-2", "x-*"]}); crowd.set({connection: "live"})`)
	is(t, tab, `[...document.querySelectorAll("#channels option")].map(o => o.value + o.selected).join()`, "stage-1true,stage-2false")
	tab.Axe()
	tab.Run(`const c = document.querySelector("#channels"); c.value = "stage-2"; c.dispatchEvent(new Event("change"))`)
	tab.Until(`crowd.channel === "stage-2" && location.hash === "#channel=stage-2" && crowds.at(-2).state.connection === "closed"`)
}

// Ranks, totals and one's own share are those of the newest window.
func TestPageScore(t *testing.T) {
	t.Parallel()
	tab := page(t, browser.Laptop, "")
	ranks := `document.querySelector("#total").innerText + ": " + [...document.querySelectorAll("#ranks li")].map(li => li.innerText.replace(/\s+/g, " ").trim()).join(", ")`
	tab.Run(live + `crowd.swarm(1, {"🔥": 3481, "🎉": 1200}, {"🔥": 12}, 5000)`)
	tab.Until(`document.querySelector("#total").innerText === "5,000"`)
	tab.Until(ranks + ` === "5,000: 🔥 12 yours 3,481, 🎉 1,200"`)
	is(t, tab, `document.querySelector("#share").innerText`, "12 of the 3,481 🔥 were yours")
	tab.Run(`crowd.swarm(0, {"🚀": 9999})`) // an older one that has grown
	is(t, tab, ranks, "5,000: 🔥 12 yours 3,481, 🎉 1,200")
	tab.Run(`crowd.swarm(1, {"🔥": 3481, "🎉": 4000}, {"🔥": 12}, 8000)`)
	tab.Until(ranks + ` === "8,000: 🎉 4,000, 🔥 12 yours 3,481"`)
	tab.Run(`crowd.swarm(2, {"🔥": 1}, {"🔥": 1})`)
	is(t, tab, `document.querySelector("#share").innerText`, "The only 🔥 was yours")
	is(t, tab, `document.querySelector("#per").textContent`, "reaction in 2\u00a0s")
	tab.Run(`for (let i = 3; i < 9; i++) crowd.swarm(i, {})`)
	tab.Until(ranks + ` === "0: "`)
	is(t, tab, `getComputedStyle(document.querySelector("#quiet")).visibility`, "visible")
}

// The button stops all movement, and so do people's systems.
func TestPageMotion(t *testing.T) {
	t.Parallel()
	moving := `crowd.swarm(0, {"🔥": 3000, "🎉": 1200}); await new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)));`
	visible := `document.getAnimations().filter(a => a.effect.target.checkVisibility({visibilityProperty: true}) && !a.effect.target.matches(".aura, .pill *, .total, .share")).length`
	tab := page(t, browser.Laptop, "")
	tab.Run(live + moving)
	is(t, tab, visible+` > 0`, true)
	tab.Click("#pause")
	is(t, tab, `document.querySelector("#pause").ariaPressed + " " + document.querySelector("#set-move").checked`, "true false")
	tab.Run(strings.ReplaceAll(moving, "swarm(0", "swarm(1"))
	is(t, tab, visible, 0)
	is(t, tab, `document.querySelector("#total").innerText`, "4,200")
	blank := `(c => !c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some(x => x))(document.querySelector("#crowd"))`
	is(t, tab, blank, true)

	tab = page(t, browser.Laptop, "")
	tab.ReducedMotion()
	tab.Run(live + moving)
	is(t, tab, visible, 0)
	is(t, tab, `document.querySelector("#total").innerText`, "4,200")
}

// At every size, from left to right and from right to left, nothing is cut off or lies over what people need.
func TestPageSizes(t *testing.T) {
	t.Parallel()
	for _, size := range []browser.Size{
		browser.Phone,
		{Width: 320, Height: 568, Scale: 2, Touch: true},
		{Width: 640, Height: 360, Scale: 2, Touch: true},
		{Width: 768, Height: 1024, Scale: 2, Touch: true},
		browser.Laptop,
		{Width: 1920, Height: 1080, Scale: 1},
		browser.Wall,
	} {
		t.Run(fmt.Sprintf("%dx%d", size.Width, size.Height), func(t *testing.T) {
			t.Parallel()
			tab := page(t, size, "")
			tab.Run(live + `
const counts = {};
"🔥😂👍🎉💯😮😢🚀💖".match(/./gu).forEach((emoji, i) => { counts[emoji] = 1234567 - i * 123456; });
crowd.swarm(0, counts, {"🔥": 1234, "🎉": 20}); crowd.tap("🔥"); crowd.taps[0].answer("accepted");
window.faults = () => {
  const all = [], box = css => document.querySelector(css).getBoundingClientRect();
  const within = (css, r = {left: 0, top: 0, right: innerWidth, bottom: innerHeight}) => {
    for (const e of document.querySelectorAll(css)) {
      if (!e.checkVisibility()) continue;
      const b = e.getBoundingClientRect();
      if (b.left < r.left - 1 || b.right > r.right + 1 || b.top < r.top - 1 || b.bottom > r.bottom + 1) all.push(css + " sticks out: " + JSON.stringify(b));
    }
  };
  within("header > *, .dock, .dock .react, .mine, .card, .notice");
  for (const css of [".card > *", "#ranks li > *"]) for (const e of document.querySelectorAll(css)) if (e.checkVisibility() && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== "inline") all.push(css + " is cut off");
  within(".card > p", box(".card"));
  within(".dock .face", box(".dock"));
  const over = (a, b) => { a = box(a); b = box(b); return a.left < b.right && b.left < a.right && a.top < b.bottom - 1 && b.top < a.bottom - 1; };
  for (const [a, b] of [[".card", "header"], [".ranks", "footer"], [".card", "footer"], [".ranks", ".card"]]) if (over(a, b)) all.push(a + " lies over " + b);
  for (const b of document.querySelectorAll(".dock .react, .icon")) if (b.checkVisibility() && (b.offsetWidth < 44 || b.offsetHeight < 44) && innerWidth >= 360) all.push("small: " + b.className + " " + b.offsetWidth + "x" + b.offsetHeight);
  if (document.documentElement.scrollWidth > innerWidth || document.documentElement.scrollHeight > innerHeight) all.push("it scrolls");
  return all.join("; ");
};`)
			tab.Until(`document.querySelector("#total").innerText.length === 9 || document.querySelector("#total").innerText.length === 10`)
			is(t, tab, `faults()`, "")
			tab.RightToLeft()
			is(t, tab, `faults()`, "")
			tab.Picture(fmt.Sprintf("%dx%d", size.Width, size.Height))
		})
	}
}

// Where all of it has no room, as with very large text, the page scrolls, and nothing is out of reach.
func TestPageScrollsWhereItMust(t *testing.T) {
	t.Parallel()
	tab := page(t, browser.Size{Width: 320, Height: 256, Scale: 4}, "")
	tab.Run(live + `crowd.swarm(0, {"🔥": 3, "🎉": 2, "🚀": 2, "😂": 1, "👍": 1, "💯": 1}, {});`)
	is(t, tab, `[...document.querySelectorAll("header > *, .card, #ranks li, .dock .react")].filter(e => {
  e.scrollIntoView();
  const b = e.getBoundingClientRect();
  return b.width === 0 || b.left < 0 || b.right > innerWidth || b.top < -1 || b.bottom > innerHeight + 1;
}).map(e => e.className || e.tagName).join()`, "")
	is(t, tab, `document.documentElement.scrollWidth <= innerWidth`, true)
}

// Firefox shows the page as Chromium does.
func TestPageInFirefox(t *testing.T) {
	t.Parallel()
	f := browser.OpenFirefox(t, browser.Laptop)
	f.Go(pageWithDouble(t) + "/#channel=stage-1&token=a.b.c")
	f.Until(`window.crowd && location.hash === "#channel=stage-1"`)
	f.Run(live + `crowd.swarm(0, {"🔥": 300, "🎉": 120}, {"🔥": 3});`)
	f.Until(`document.querySelector("#total").innerText === "420" && document.querySelector("#share").innerText === "3 of the 300 🔥 were yours"`)
	f.Click(".dock [data-emoji='🔥']")
	f.Until(`crowd.taps.map(t => t.emoji).join() === "🔥"`)
	f.Run(`crowd.taps[0].answer("accepted")`)
	f.Until(`document.querySelector(".dock [data-emoji='🔥']").dataset.result === "accepted"`)
	f.Click(".more-button")
	f.Until(`document.querySelector("#more").matches(":popover-open") && document.activeElement.id === "search"`)
	f.Click("#found [data-emoji='🚀']")
	f.Until(`crowd.taps.map(t => t.emoji).join() === "🔥,🚀"`)
	f.Picture("firefox")
}
