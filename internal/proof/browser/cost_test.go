package browser_test

import (
	"testing"
	"time"

	"github.com/emostream/emostream/internal/proof/browser"
)

// A page that moves is measured.
func TestFramesAreMeasured(t *testing.T) {
	tab := browser.Open(t, browser.Laptop)
	tab.Go(serve(t, `<!doctype html><html lang=en><title>A page</title><link rel=icon href="data:,"><canvas id=c width=800 height=600></canvas>`))
	tab.Run(`const x = document.querySelector("canvas").getContext("2d"); globalThis.busy = 0; const f = t => { const until = performance.now() + busy; while (performance.now() < until); x.clearRect(0,0,800,600); x.fillRect(t / 10 % 800, 10, 20, 20); requestAnimationFrame(f); }; requestAnimationFrame(f)`)
	f := tab.Frames(time.Second)
	t.Log(f)
	if f.Intervals.Count < 10 || f.Work.Count < 10 {
		t.Errorf("frames: %v", f)
	}
	tab.Run(`busy = 40`)
	f = tab.Frames(time.Second)
	t.Log(f)
	if f.Intervals.P50 < 30 || f.Work.P50 < 30 || f.Below17 > 0.5 {
		t.Errorf("frames that take 40 ms: %v", f)
	}
}
