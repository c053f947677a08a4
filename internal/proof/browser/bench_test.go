package browser_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/proof/browser"
)

// tapsPerSecond is what pages must bear.
const tapsPerSecond = 1000

// As transferred, a page is small, and all of it comes from its own server.
func TestTransferred(t *testing.T) {
	t.Parallel()
	in := browser.Up(t)
	for path, most := range map[string]int64{"/": 60_000, "/overlay": 60_000} {
		tab := browser.Open(t, browser.Phone)
		tab.Go(in.Page + path)
		all, lines := tab.Transferred()
		t.Logf("%s: %d bytes\n%s", path, all, strings.Join(lines, "\n"))
		if all > most || all == 0 {
			t.Errorf("%s has %d bytes, more than %d", path, all, most)
		}
		for _, r := range tab.Requests() {
			if r.Type != "EventSource" && !strings.HasPrefix(r.URL, in.Page+"/") {
				t.Errorf("%s asks for %s", path, r.URL)
			}
		}
	}
}

// What the page and the overlay cost: when they are painted on a phone, and how smoothly they move while a crowd taps 1,000
// times a second.
func TestPageCost(t *testing.T) {
	if *duration == 0 || *memory {
		t.Skip("measures with -duration")
	}
	in := browser.Up(t)
	for name, network := range map[string]browser.Network{"150 ms, 1.6 Mbit/s": browser.Mobile, "562 ms a request, 1.44 Mbit/s": browser.SlowMobile} {
		var paints []float64
		for range 5 {
			tab := browser.Open(t, browser.Phone)
			tab.Slow(4)
			tab.Network(network)
			tab.Go(in.Page + "/")
			paints = append(paints, tab.Paint())
		}
		t.Logf("first paint of the page on a phone with a processor four times slower, %s: %.0f ms", name, paints)
		if network == browser.Mobile && slices.Min(paints) > 1000 {
			t.Errorf("it is painted after %.0f ms at the earliest", slices.Min(paints))
		}
	}
	taps := in.Tap(tapsPerSecond, someCrowd...)
	for _, path := range []string{"/", "/overlay"} {
		tab := browser.Open(t, browser.Laptop)
		tab.Go(in.Page + path)
		<-time.After(10 * time.Second) // the crowd fills the screen
		before := tab.Heap()
		frames := tab.Frames(*duration)
		after := tab.Heap()
		t.Logf("%s at %d taps a second: %v; heap %.2f MB, then %.2f MB", path, tapsPerSecond, frames, megabytes(before), megabytes(after))
		if frames.Below17 < 0.95 {
			t.Errorf("%s: only %.1f %% of the frames are below 17 ms", path, 100*frames.Below17)
		}
		tab.Go("about:blank")
	}
	accepted, inDoubt, refused := taps.Stop()
	sum := 0
	for _, n := range accepted {
		sum += n
	}
	t.Logf("%d taps were accepted, %d in doubt; refused: %q", sum, inDoubt, refused)
}

// A page and an overlay that are open for long hold no more memory in the end than after a while. (Laptop size; a crowd taps
// 1,000 times a second, and a person ten times a second.)
func TestMemory(t *testing.T) {
	if *duration == 0 || !*memory {
		t.Skip("measures with -memory -duration")
	}
	in := browser.Up(t)
	in.Tap(tapsPerSecond, someCrowd...)
	tabs := map[string]*browser.Tab{}
	for _, path := range []string{"/", "/overlay"} {
		tabs[path] = browser.Open(t, browser.Laptop)
		tabs[path].Go(in.Page + path)
	}
	tabs["/"].Until(`document.querySelector("#dock [data-emoji='🔥']")`)
	tabs["/"].Run(`setInterval(() => document.querySelector("#dock [data-emoji='🔥']").click(), 100)`)
	const steps = 10
	held := map[string][]float64{}
	for range steps {
		<-time.After(*duration / steps)
		for path, tab := range tabs {
			held[path] = append(held[path], megabytes(tab.Heap()))
		}
	}
	for path, all := range held {
		t.Logf("%s: heap %.2f MB", path, all)
		// The first tenth is for what a page makes once. A leak of a kilobyte a second is 1.8 MB in half an hour.
		const growth = 1
		if first, last := all[1], all[len(all)-1]; last > first+growth {
			t.Errorf("%s: the heap grew from %.2f to %.2f MB", path, first, last)
		}
	}
}

func megabytes(n int64) float64 { return float64(n) / 1e6 }
