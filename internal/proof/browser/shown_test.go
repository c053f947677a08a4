package browser_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/proof/browser"
)

// onEach runs a test in a tab of Chromium and in Firefox.
func onEach(t *testing.T, test func(t *testing.T, page browser.Page)) {
	t.Helper()
	for name, open := range map[string]func(t *testing.T) browser.Page{
		"Chromium": func(t *testing.T) browser.Page {
			t.Helper()
			tab := browser.Open(t, browser.Laptop)
			tab.Expect("net::ERR_")
			return tab
		},
		"Firefox": func(t *testing.T) browser.Page {
			t.Helper()
			return browser.OpenFirefox(t, browser.Laptop)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// A browser whose servers are killed, stopped in order, stand still and come back, one after the other, is told of every
// reaction, while a crowd goes on tapping.
func TestBackWithoutAGap(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, page browser.Page) {
		in := browser.Stages(t, browser.Config{Aggregate: []string{"--window", "500ms"}})
		page.Go(in.Page + "/robots.txt")
		page.Run(crowd(""))
		live := func() { t.Helper(); page.Until(`crowd.state.connection === "live"`) }
		// more waits until the page sees what was tapped after now.
		more := func() {
			t.Helper()
			page.Run(`globalThis.before = Math.max(...[...windows.keys()].map(Date.parse), 0) + 1000;`)
			page.Until(`crowd.state.connection === "live" && Math.max(...[...windows.keys()].map(Date.parse)) >= before`)
		}
		live()
		taps := in.Tap(50, "🔥", "🎉")
		more()
		for name := range in.Subscribers {
			in.Process[name].Kill()
			more()
			in.Process[name].Start()
			in.Ready()
		}
		for name := range in.Subscribers {
			in.Process[name].Stop()
			more()
			in.Process[name].Start()
			in.Ready()
		}
		// Both at once: there is no server until they are back.
		for name := range in.Subscribers {
			in.Process[name].Kill()
		}
		page.Until(`crowd.state.connection === "reconnecting" || crowd.state.connection === "full"`)
		for name := range in.Subscribers {
			in.Process[name].Start()
		}
		in.Ready()
		more()

		accepted, inDoubt, refused := taps.Stop()
		if inDoubt > 0 || refused != "" {
			t.Fatalf("%d taps are in doubt, refused: %q", inDoubt, refused)
		}
		var seen []string
		for _, emoji := range slices.Sorted(maps.Keys(accepted)) {
			seen = append(seen, fmt.Sprintf(`seen(%q) === %d`, emoji, accepted[emoji]))
		}
		page.Until(strings.Join(seen, " && "))
	})
}

// What is tapped on the page in one browser is seen on the page in another, and known as one's own in the first.
func TestTapIsSeen(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, page browser.Page) {
		in := browser.Up(t)
		other := browser.Open(t, browser.Phone)
		open := func(page browser.Page) {
			t.Helper()
			page.Go(in.Page + "/")
			page.Until(`document.querySelector("#connection").dataset.state === "live" && document.querySelector("#dock [data-emoji='🔥']")`)
		}
		open(page)
		open(other)
		page.Click(`#dock [data-emoji='🔥']`)
		other.Until(`document.querySelector("#ranks li")?.textContent.includes("🔥") && document.querySelector("#total").textContent === "1"`)
		page.Until(`document.querySelector("#mine-accepted").textContent.startsWith("1 ")`)

		other.Touch(`#dock [data-emoji='🎉']`)
		page.Until(`[...document.querySelectorAll("#ranks li")].some(li => li.textContent.includes("🎉"))`)
		other.Until(`document.querySelector("#mine-accepted").textContent.startsWith("1 ")`)
	})
}

// Taps that are made without a network are sent when it is back, and what others have tapped meanwhile is seen.
func TestOffline(t *testing.T) {
	t.Parallel()
	in := browser.Stages(t, browser.Config{})
	tab := browser.Open(t, browser.Phone)
	tab.Go(in.Page + "/robots.txt")
	tab.Run(crowd(""))
	tab.Until(`crowd.state.connection === "live"`)
	tab.Run(`crowd.tap("👍")`)
	tab.Until(`seen("👍") === 1`)                                               // a page that has seen no window is sent none of those that it missed
	resume := []func(){in.Process["sub1"].Pause(), in.Process["sub2"].Pause()} // nothing comes by the stream that is open
	tab.Offline(true)
	tab.Until(`crowd.state.connection === "offline"`)
	taps := in.Tap(20, "🎉")
	tab.Run(`globalThis.mine = crowd.tap("🔥", 3);
		await new Promise(then => setTimeout(then, 1500));
		if (mine.result !== "pending") throw new Error(mine.result + " " + mine.error);`)
	accepted, inDoubt, refused := taps.Stop()
	if inDoubt > 0 || refused != "" {
		t.Fatalf("%d taps are in doubt, refused: %q", inDoubt, refused)
	}
	for _, r := range resume {
		r()
	}
	tab.Offline(false)
	tab.Run(`if ((await mine.done).result !== "accepted") throw new Error(mine.result + " " + mine.error + " " + told.states);`)
	tab.Until(fmt.Sprintf(`seen("🔥") === 3 && own("🔥") === 3 && seen("🎉") === %d`, accepted["🎉"]))
}

// A page in Firefox, of another origin, gets new tokens from its site before the old ones run out, and neither its windows
// nor its taps notice. (TestModuleRenewsItsToken shows it in Chromium.)
func TestFirefoxRenewsItsToken(t *testing.T) {
	t.Parallel()
	page := browser.OpenFirefox(t, browser.Laptop)
	renewing(t, page)
	page.Run(`globalThis.accepted = await stop()`)
	page.Until(`accepted > 20 && told.taps.length === accepted && seen("🔥") === accepted && own("🔥") === accepted && !told.states.includes("signed_out")`)
}
