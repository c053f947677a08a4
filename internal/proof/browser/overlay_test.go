package browser_test

import (
	"bytes"
	"fmt"
	"image/png"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"

	"github.com/emostream/emostream/internal/proof/browser"
)

// drawn is where the overlay's canvas has colour: shares of its width and height.
const drawn = `(() => {
  const canvas = document.querySelector("canvas"), {width, height} = canvas, {data} = canvas.getContext("2d").getImageData(0, 0, width, height);
  let [left, right, top, bottom] = [1, 0, 1, 0];
  for (let i = 3; i < data.length; i += 4) {
    if (data[i] < 32) continue;
    const x = (i >> 2) % width / width, y = Math.floor((i >> 2) / width) / height;
    left = Math.min(left, x); right = Math.max(right, x); top = Math.min(top, y); bottom = Math.max(bottom, y);
  }
  return {left, right, top, bottom};
})()`

// The overlay shows emojis where its fragment says, on a page that is transparent, and follows a fragment that changes.
func TestOverlayDemo(t *testing.T) {
	t.Parallel()
	tab := browser.Open(t, browser.Laptop)
	transparent := emulation.SetDefaultBackgroundColorOverrideParams{Color: &cdp.RGBA{A: 1e-9}} // an A of 0 is left out, and means 1
	browser.Call(tab, emulation.SetDefaultBackgroundColorOverride, transparent)
	tab.Go(pages(t) + "/overlay#demo&position=right&density=5&motion=full")
	tab.Until(drawn + `.right > 0.8`)
	if where := browser.Eval[map[string]float64](tab, drawn); where["left"] < 0.7 {
		t.Errorf("at the right it draws at %v", where)
	}
	picture, err := png.Decode(bytes.NewReader(tab.Picture("overlay")))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, alpha := picture.At(100, 100).RGBA(); alpha != 0 {
		t.Errorf("it is not transparent: %d", alpha)
	}
	if told := tab.Text("#message"); told != "" {
		t.Errorf("it says %q", told)
	}
	tab.Axe()

	tab.Run(`location.hash = "#demo&position=top-left&density=500&size=big&emojis=A,🔥&colour=red&__proto__=1&channel=a/b&server=ftp://x&motion=fast"`)
	tab.Until(`document.querySelector("#message").innerText !== ""`)
	want := []string{
		"density: 500 is not between 0.05 and 20",
		"size: “big” is no number",
		"emojis: “A” is no emoji",
		"colour: there is no such parameter",
		"__proto__: there is no such parameter",
		"channel: “a/b” is no channel: 1 to 64 of A-Z a-z 0-9 . _ -",
		"server: “ftp://x” is neither http nor https",
		"motion: “fast” is none of auto, full, reduced",
	}
	if got := strings.Split(tab.Text("#message"), "\n"); !slices.Equal(got, want) {
		t.Errorf("it says %q, want %q", got, want)
	}
	console := strings.NewReplacer(`\u201c`, "“", `\u201d`, "”").Replace(strings.Join(tab.Console(), "\n"))
	for _, w := range want {
		if !strings.Contains(console, w) {
			t.Errorf("the console does not say %q: %s", w, console)
		}
	}
	tab.Until(drawn + `.right < 0.5`) // those at the right have vanished
	tab.Axe()
}

// Firefox shows the overlay, its setup and the element, too.
func TestOverlayInFirefox(t *testing.T) {
	t.Parallel()
	at := pages(t)
	f := browser.OpenFirefox(t, browser.Laptop)
	f.Go(at + "/overlay#demo&position=right&density=5&motion=full")
	f.Until(drawn + `.right > 0.8 && ` + drawn + `.left > 0.7`)
	f.Go(at + "/overlay/setup")
	f.Click(`#palette label`)
	f.Until(`decodeURIComponent(document.querySelector("#address").value).endsWith("/overlay#emojis=🔥") && frames[0].location.hash.startsWith("#demo&emojis=")`)
	f.Until(`frames[0].document.querySelector("canvas").width > 1000`)
	f.Picture("setup")
	f.Go(stranger(t, at, `<script type="module" src="`+at+`/emostream-crowd.js"></script><emostream-crowd demo palette="🔥 👏" motion="full"></emostream-crowd>`))
	f.Until(`document.querySelector("emostream-crowd").shadowRoot.querySelectorAll("button").length === 2`)
	f.Run(`
const element = document.querySelector("emostream-crowd");
globalThis.accepted = 0;
element.addEventListener("accepted", () => accepted++);
element.shadowRoot.querySelector("button").click();`)
	f.Until(`accepted === 1`)
	f.Picture("element")
}

// What the crowd taps is seen in the overlay, also after its server was killed and came back.
func TestOverlayIsLive(t *testing.T) {
	t.Parallel()
	in := browser.Stages(t, browser.Config{Subscribers: 1})
	tab := browser.Open(t, browser.Laptop)
	tab.Expect(`net::ERR_`)
	live := `document.documentElement.dataset.connection === "live"`
	tab.Go(in.Page + "/overlay#channel=stage-1&position=left&motion=full")
	tab.Until(live)
	tap := func() {
		t.Helper()
		resp, err := http.Post(in.Page+"/v1/reactions", "application/json", strings.NewReader(`[{"user_id":"ann","channel":"stage-1","emoji_type":"🔥","count":100},{"user_id":"ann","channel":"main","emoji_type":"👏","count":100}]`))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	tap()
	tab.Until(drawn + `.right > 0`)
	if where := browser.Eval[map[string]float64](tab, drawn); where["right"] > 0.3 {
		t.Errorf("at the left it draws at %v", where)
	}
	tab.Picture("overlay")

	sub := in.Process["sub1"]
	sub.Kill()
	tab.Until(`!(` + live + `)`)
	sub.Start()
	in.Ready()
	tab.Until(live)
	tab.Run(`location.hash = location.hash.replace("left", "right")`)
	tap()
	tab.Until(drawn + `.right > 0.7`)
	if told := tab.Text("#message"); told != "" {
		t.Errorf("the audience reads %q", told)
	}
}

// Where its token was refused the overlay asks again, for ever: nobody stands beside it who would load it anew.
func TestOverlayAsksForEver(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 100)
	tab := browser.Open(t, browser.Laptop)
	tab.Expect(`401 \(Unauthorized\)`)
	tab.Before(`const wait = setTimeout; setTimeout = (f, ms, ...rest) => wait(f, ms >= 60000 ? 50 : ms, ...rest);`)
	tab.Go(pagesWith(t, map[string]http.HandlerFunc{"/register": func(w http.ResponseWriter, r *http.Request) {
		select {
		case asked <- r.Header.Get("Authorization"):
		default:
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"error":"the token has run out","code":"token_expired"}`))
	}}) + "/overlay#token=old")
	for range 5 {
		if got := <-asked; got != "Bearer old" {
			t.Errorf("it shows %q", got)
		}
	}
}

// What the fragment says and what is read from it is the same.
func TestOverlayParameters(t *testing.T) {
	t.Parallel()
	tab := browser.Open(t, browser.Laptop)
	tab.Go(pages(t) + "/empty")
	for fragment, want := range map[string]string{
		"":                      "",
		"#":                     "",
		"#channel=main&size=64": "",
		"#demo":                 "#demo",
		"#demo=0":               "",
		"#channel=stage-2&demo": "#demo&channel=stage-2",
		"#emojis=🔥❤️👨‍👩‍👧🇩🇪":                 "#emojis=🔥,❤️,👨‍👩‍👧,🇩🇪",
		"#emojis=🔥+🔥,,👏":                     "#emojis=🔥,👏",
		"#emojis=1️⃣ #️⃣":                    "#emojis=1️⃣,#️⃣",
		"#size=20&density=0.5&position=left": "#size=20&density=0.5&position=left",
		"#token=a.b-c_d":                     "#token=a.b-c_d",
		"#server=http://127.0.0.1:5000":      "#server=http://127.0.0.1:5000/",
		"#size=-1":                           "#size=12",
		"#size=1e999":                        "",
		"#motion=reduced":                    "#motion=reduced",
	} {
		got := browser.Eval[string](tab, fmt.Sprintf(`import("/overlay-parameters.js").then(({read, fragment}) => {
			const first = fragment(read(new URLSearchParams(%q.slice(1))).options), again = fragment(read(new URLSearchParams(first.slice(1))).options);
			return first === again ? decodeURIComponent(first) : first + " is read as " + again; })`, fragment))
		if got != want {
			t.Errorf("%s is read as %s, want %s", fragment, got, want)
		}
	}
}

// The setup puts the overlay's address together as it is filled in, and shows what it says.
func TestOverlaySetup(t *testing.T) {
	t.Parallel()
	at := pages(t)
	for _, size := range []browser.Size{browser.Phone, browser.Laptop} {
		tab := browser.Open(t, size)
		tab.Go(at + "/overlay/setup")
		tab.Until(`document.querySelector("#palette input[aria-label=fire]") !== null`)
		address := func(want string) {
			t.Helper()
			if got := browser.Eval[string](tab, `decodeURIComponent(document.querySelector("#address").value)`); got != at+want {
				t.Errorf("the address is %s, want %s", got, at+want)
			}
			tab.Until(`frames[0].document.querySelector("canvas").width > 0 && frames[0].location.hash.startsWith("#demo")`)
		}
		address("/overlay")
		tab.Click(`#palette label`)
		tab.Click(`#position label:nth-child(4)`)
		tab.Run(`
const set = (id, value) => { const field = document.querySelector("#" + id); field.value = value; field.dispatchEvent(new Event("input", {bubbles: true})); };
set("channel", "stage-2"); set("emojis", "🦄"); set("size", "100"); set("density", "16");`)
		address("/overlay#channel=stage-2&emojis=🔥,🦄&size=100&density=10&position=left")
		tab.Until(`frames[0].location.hash.includes("position=left")`)
		tab.Run(`const field = document.querySelector("#channel"); field.value = "a b"; field.dispatchEvent(new Event("input", {bubbles: true}));`)
		if told := tab.Text("#faults"); !strings.Contains(told, "“a b” is no channel") {
			t.Errorf("of a wrong channel it says %q", told)
		}
		if wide := browser.Eval[int](tab, `document.documentElement.scrollWidth`); wide > int(size.Width) {
			t.Errorf("it is %d pixels wide on a screen of %d", wide, size.Width)
		}
		for _, colors := range []string{"light", "dark"} {
			tab.Scheme(colors)
			tab.Picture(fmt.Sprintf("setup %d %s", size.Width, colors))
			tab.Axe()
		}
		tab.ForcedColors()
		tab.Axe()
	}
}

// The setup of an overlay can be changed later.
func TestOverlaySetupIsFilled(t *testing.T) {
	t.Parallel()
	at := pages(t)
	tab := browser.Open(t, browser.Laptop)
	tab.Go(at + "/overlay/setup#channel=stage-2&emojis=🔥,🦄&size=100&density=10&position=left&motion=full")
	tab.Until(`document.querySelector("#palette input[aria-label=fire]")?.checked`)
	if got, want := browser.Eval[string](tab, `decodeURIComponent(document.querySelector("#address").value)`), at+"/overlay#channel=stage-2&emojis=🔥,🦄&size=100&density=10&position=left&motion=full"; got != want {
		t.Errorf("the address is %s, want %s", got, want)
	}
}

// stranger serves a page of another origin, whose policy allows scripts and connections to the pages' origin alone.
func stranger(t *testing.T, origin, page string) (url string) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; img-src data:; script-src "+origin+"; connect-src "+origin)
		if _, err := w.Write([]byte(`<!doctype html><html lang="en"><title>A stranger's page</title><link rel="icon" href="data:,"><main><h1>A stranger's page</h1>` + page + `</main>`)); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// What is made up has all that the servers say, so that a page which works with it works with them.
func TestDemoSaysAllThatServersDo(t *testing.T) {
	t.Parallel()
	tab := browser.Open(t, browser.Laptop)
	tab.Go(pages(t) + "/empty")
	tab.Run(`
const {connect} = await import("/demo.js");
globalThis.crowd = connect();
globalThis.swarm = await new Promise(told => crowd.addEventListener("swarm", event => told(event.detail)));
crowd.close();`)
	for what, want := range map[string]string{
		"swarm":        "channel emojis newest own total window",
		"crowd.config": "any_emoji channels hidden limits more_channels names palette paused slowed token_needed window_ms",
		"crowd.state":  "channel clockAhead connection pending",
	} {
		if got := browser.Eval[string](tab, `Object.keys(`+what+`).sort().join(" ")`); got != want {
			t.Errorf("%s has %s, want %s", what, got, want)
		}
	}
}

// The element shows a crowd on a page of another origin under a strict policy. Its buttons tap; it may be moved, changed and
// taken away.
func TestElementDemo(t *testing.T) {
	t.Parallel()
	at := pages(t)
	tab := browser.Open(t, browser.Phone)
	tab.Go(stranger(t, at, `<script type="module" src="`+at+`/emostream-crowd.js"></script><emostream-crowd demo palette="🔥 👏" motion="full"></emostream-crowd><section></section>`))
	tab.Run(`
globalThis.element = document.querySelector("emostream-crowd");
globalThis.buttons = () => [...element.shadowRoot.querySelectorAll("button")];
globalThis.heard = [];
for (const type of ["swarm", "state", "config", "accepted", "refused"]) element.addEventListener(type, e => heard.push(type));`)
	tab.Until(`buttons().length === 2 && element.crowd.state.connection === "live"`)
	tab.Run(`buttons()[1].click()`)
	tab.Until(`heard.includes("accepted") && heard.includes("swarm")`)
	tab.Until(`(() => { const canvas = element.shadowRoot.querySelector("canvas"); return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some(v => v > 0); })()`)
	tab.Picture("element")
	tab.Axe()

	if same := browser.Eval[bool](tab, `(async () => { const {crowd} = element; document.querySelector("section").append(element); await 0; await 0; return crowd === element.crowd && crowd.state.connection !== "closed"; })()`); !same {
		t.Error("it has another crowd after it was moved")
	}
	tab.Run(`globalThis.before = element.crowd; element.setAttribute("channel", "stage-2"); element.setAttribute("palette", "");`)
	tab.Until(`before.state.connection === "closed" && element.crowd && element.crowd.channel === "stage-2" && buttons().length === 8`)
	tab.Run(`globalThis.before = element.crowd; element.remove();`)
	tab.Until(`before.state.connection === "closed" && element.crowd === null`)
}
