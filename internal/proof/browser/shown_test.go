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
