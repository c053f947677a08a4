package browser_test

import (
	"net/url"
	"strconv"
	"testing"

	"github.com/emostream/emostream/internal/proof/browser"
)

// manager opens the page of in with a manager's token, and the panel.
func manager(t *testing.T, in *browser.Installation, size browser.Size, scope string) *browser.Tab {
	t.Helper()
	tab := browser.Open(t, size)
	tab.ReducedMotion()
	tab.Go(in.Page + "/#token=" + url.QueryEscape(browser.Token(t, "--subject", "maria", "--scope", scope)))
	tab.Until(`document.querySelector("#connection").dataset.state === "live"`)
	return tab
}

// A manager pauses and slows the channel, hides an emoji, bans somebody and ends all of it
// on the page. Others see what has changed, and have nothing to change it with.
func TestManagerOnThePage(t *testing.T) {
	t.Parallel()
	in := browser.Up(t, "--auth-keys", browser.Secret(t), "--anonymous", "watch,send")
	other := browser.Open(t, browser.Phone)
	other.ReducedMotion()
	other.Go(in.Page + "/")
	other.Until(`document.querySelector("#connection").dataset.state === "live" && document.querySelector("#dock button")`)

	tab := manager(t, in, browser.Laptop, "emostream:send emostream:watch emostream:manage")
	tab.Click("#manage-open")
	tab.Until(`document.querySelector(".manage-now").dataset.state === "open" && document.querySelectorAll(".manage tbody tr").length === 6`)

	press := func(text string) {
		t.Helper()
		tab.Run(`[...document.querySelectorAll(".manage button")].find(b => b.textContent === ` + strconv.Quote(text) + `).click()`)
	}
	tab.Run(`document.querySelector(".manage [aria-label^=Reason]").value = "<b>Back at eight</b>"; document.querySelector(".manage [aria-label='How long']").value = "5m"`)
	press("Pause")
	tab.Until(`document.querySelector(".manage-now").dataset.state === "paused" && document.querySelector(".manage-said").textContent.startsWith("main: Paused until")`)
	other.Until(`document.querySelector("#connection").dataset.state === "paused" && document.querySelector("#notice-text").textContent === "<b>Back at eight</b>"`)
	tab.Picture("paused by a manager")
	tab.Size(browser.Phone)
	tab.Run(`document.querySelector("#connection-text").textContent = "Reconnecting"`)
	if browser.Eval[bool](tab, `(h => h.scrollWidth > h.clientWidth)(document.querySelector("h1"))`) {
		t.Error("on a phone the shield leaves no room for the name of the channel")
	}
	tab.Size(browser.Laptop)
	press("Slow down")
	other.Until(`document.querySelector("#connection").dataset.state === "slowed"`)
	press("Resume")
	other.Until(`document.querySelector("#connection").dataset.state === "live"`)

	tab.Run(`document.querySelector(".manage [aria-label='Emoji to hide']").value = ":fire:"`)
	press("Hide")
	other.Run(`location.reload()`)
	other.Until(`document.querySelectorAll("#dock button").length > 5 && ![...document.querySelectorAll("#dock button")].some(b => b.dataset.emoji === "🔥")`)
	tab.Run(`document.querySelector(".manage [aria-label='User to ban']").value = "https://login.example/a b?c"`)
	press("Ban")
	tab.Until(`document.querySelectorAll(".manage-list li button").length === 2`)
	if got := browser.Eval[string](tab, `[...document.querySelectorAll(".manage-list strong")].map(s => s.textContent).sort().join(", ")`); got != "emoji 🔥, user https://login.example/a b?c" {
		t.Errorf("in force is %q", got)
	}
	for range 2 {
		n := browser.Eval[int](tab, `document.querySelectorAll(".manage-list li button").length`)
		tab.Run(`document.querySelector(".manage-list li button").click()`)
		tab.Until(`document.querySelectorAll(".manage-list li button").length < ` + strconv.Itoa(n))
	}
	other.Run(`location.reload()`)
	other.Until(`[...document.querySelectorAll("#dock button")].some(b => b.dataset.emoji === "🔥")`)

	tab.Expect("422")
	tab.Run(`document.querySelector(".manage [aria-label='Emoji to hide']").value = "nonsense"`)
	press("Hide")
	tab.Until(`document.querySelector(".manage-said.bad")?.textContent.includes("nonsense")`)
	axeLooks(t, tab, "manage")
	if n := browser.Eval[int](tab, `[...document.querySelectorAll(".manage button")].filter(b => (b.ariaLabel ?? b.textContent) === "Close").length`); n != 1 {
		t.Errorf("%d buttons are named Close, want only the one that closes the channel", n)
	}
	tab.Run(`document.querySelector("#sign-out").click()`)
	tab.Until(`!document.querySelector("#manage-open") && !document.querySelector("#manage-sheet")`)
	if browser.Eval[bool](other, `!!document.querySelector("#manage-open")`) {
		t.Error("who has no token is shown what managers see")
	}
}

// Whoever may not manage is not shown the panel, and the server refuses whoever asks all
// the same.
func TestNoManagerOnThePage(t *testing.T) {
	t.Parallel()
	in := browser.Up(t, "--auth-keys", browser.Secret(t))
	tab := manager(t, in, browser.Phone, "emostream:send emostream:watch")
	tab.Expect("403")
	status := browser.Eval[int](tab, `fetch("/v1/controls", {headers: {Authorization: "Bearer " + sessionStorage["emostream.token"]}}).then(r => r.status)`)
	if status != 403 || browser.Eval[bool](tab, `!!document.querySelector("#manage-open")`) {
		t.Errorf("the server answers %d, and the page shows the panel or not", status)
	}
}
