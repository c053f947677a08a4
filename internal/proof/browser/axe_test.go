package browser_test

import (
	"net/url"
	"testing"

	"github.com/emostream/emostream/internal/proof/browser"
)

// look is what a person's system asks of pages.
type look struct {
	name string
	set  func(*browser.Tab)
}

var looks = []look{
	{"light", func(tab *browser.Tab) { tab.Scheme("light") }},
	{"dark", func(tab *browser.Tab) { tab.Scheme("dark") }},
	{"more contrast", func(tab *browser.Tab) { tab.Contrast() }},
	{"forced colors", func(tab *browser.Tab) { tab.ForcedColors() }},
	{"right to left", func(tab *browser.Tab) { tab.RightToLeft() }},
}

// axeLooks checks what a page shows, and in every look whether it can be read, on a phone and on a laptop.
func axeLooks(t *testing.T, tab *browser.Tab, state string) {
	t.Helper()
	told := map[string]bool{}
	for _, size := range []browser.Size{browser.Phone, browser.Laptop} {
		tab.Size(size)
		for _, look := range looks {
			for _, feature := range []string{"prefers-color-scheme", "prefers-contrast", "forced-colors"} {
				tab.Media(feature, "")
			}
			tab.Run(`document.documentElement.removeAttribute("dir")`)
			look.set(tab)
			check := tab.AxeContrast
			if look.name == "light" {
				check = func() []string { return tab.AxeFinds() }
			}
			for _, found := range check() {
				if !told[found] { // the same is mostly wrong in every look
					t.Errorf("%s, %s, %d wide: %s", state, look.name, size.Width, found)
				}
				told[found] = true
			}
		}
	}
}

// The page people tap on obeys the rules of accessibility in every state.
func TestPagePassesAxe(t *testing.T) {
	t.Parallel()
	in := browser.Up(t, "--auth-keys", browser.Secret(t), "--anonymous", "watch,send", "--window", "500ms")
	manager := browser.Token(t, "--subject", "maria", "--scope", "emostream:manage")
	tab := browser.Open(t, browser.Phone)
	tab.ReducedMotion() // colors that fade are not judged halfway
	tab.Go(in.Page + "/")
	tab.Until(`document.querySelector("#connection").dataset.state === "live" && document.querySelector("#dock button")`)
	axeLooks(t, tab, "live")

	tab.Click(`#dock button`)
	tab.Until(`document.querySelector("#mine-accepted").textContent && document.querySelector("#ranks li")`)
	axeLooks(t, tab, "after a tap")

	tab.Run(`document.querySelector("#more").showPopover()`)
	axeLooks(t, tab, "all reactions")
	tab.Run(`document.querySelector("#more").hidePopover(); document.querySelector("#settings").showPopover()`)
	axeLooks(t, tab, "settings")
	tab.Run(`document.querySelector("#settings").hidePopover()`)

	browser.Control(t, in, manager, "PUT", "channel/main", `{"state":"paused","reason":"The speaker asks for silence"}`)
	tab.Until(`document.querySelector("#connection").dataset.state === "paused"`)
	axeLooks(t, tab, "paused")

	tab.Offline(true)
	tab.Until(`document.querySelector("#connection").dataset.state === "offline"`)
	axeLooks(t, tab, "offline")
	tab.Offline(false)
}

// The overlay and its setup obey them, too.
func TestOverlayPassesAxe(t *testing.T) {
	t.Parallel()
	in := browser.Up(t)
	for path, is := range map[string]string{
		"/overlay#demo": `document.querySelector("canvas")`, "/overlay#demo&size=nonsense": `document.body.innerText.length > 0`,
		"/overlay/setup": `document.querySelector("iframe")`,
	} {
		tab := browser.Open(t, browser.Laptop)
		tab.ReducedMotion()
		tab.Go(in.Page + path)
		tab.Until(is)
		axeLooks(t, tab, path)
	}
}

// A page for those who have no token obeys them, too.
func TestSignedOutPassesAxe(t *testing.T) {
	t.Parallel()
	in := browser.Up(t, "--auth-keys", browser.Secret(t))
	tab := browser.Open(t, browser.Phone)
	tab.ReducedMotion()
	tab.Expect("status of 401")
	tab.Go(in.Page + "/#" + url.Values{"token": {"nonsense"}}.Encode())
	tab.Until(`document.querySelector("#connection").dataset.state === "signed_out"`)
	axeLooks(t, tab, "signed out")
}
