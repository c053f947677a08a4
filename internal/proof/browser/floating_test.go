package browser_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/proof/browser"
	"github.com/emostream/emostream/server/web"
)

// pages serves the pages and their files without a server behind them, beside an empty page at /empty and some settings.
func pages(t *testing.T) (url string) {
	t.Helper()
	return pagesWith(t, nil)
}

// pagesWith serves some answers of the test's beside the pages.
func pagesWith(t *testing.T, answers map[string]http.HandlerFunc) (url string) {
	t.Helper()
	mux := http.NewServeMux()
	(&web.Handler{}).Routes(mux)
	answer := func(path, kind, body string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			if _, err := w.Write([]byte(body)); err != nil {
				t.Error(err)
			}
		})
	}
	answer("/empty", "text/html; charset=utf-8", `<!doctype html><html lang=en><title>Empty</title><link rel=icon href="data:,"><canvas width=800 height=600></canvas>`)
	answer("/v1/config", "application/json", `{"channels":["main","stage-*"],"palette":["🔥","❤️","👏"],"names":{"🔥":"fire"},"any_emoji":true,
		"limits":{"count":100,"items":10000},"token_needed":{"send":false,"watch":false},"paused":{},"slowed":{}}`)
	for path, h := range answers {
		mux.HandleFunc(path, h)
	}
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL
}

// canvas opens an empty page. begin(options) makes a renderer, floating, whose frames are those of the test: pass(seconds).
func canvas(t *testing.T) *browser.Tab {
	t.Helper()
	tab := browser.Open(t, browser.Laptop)
	tab.Before(`requestAnimationFrame = () => 0;`)
	tab.Go(pages(t) + "/empty")
	tab.Run(`
const {FloatingCrowd} = await import("/floating.js");
const zero = Date.parse("2026-11-23T14:24:06Z");
globalThis.begin = options => {
  globalThis.floating?.close();
  globalThis.floating = new FloatingCrowd(document.querySelector("canvas"), {motion: "full", ...options});
};
globalThis.told = (n, counts, own = {}) => floating.swarm({
  channel: "main", window: {start: new Date(zero + 2000 * n).toISOString(), end: new Date(zero + 2000 * n + 2000).toISOString()}, total: 0,
  emojis: Object.entries(counts).map(([emoji_type, n]) => ({emoji_type, emoji_count: n, emoji_count_aggregated: n})), own,
});
globalThis.pass = seconds => { for (let i = 0; i < seconds * 50; i++) floating.step(0.02); return floating.floating; };`)
	return tab
}

// As many emojis rise as the scaled counts say, once, spread over the window's length, and nothing is left in the end.
func TestFloatingCounts(t *testing.T) {
	t.Parallel()
	tab := canvas(t)
	for _, test := range []struct {
		name, options, js string
		want              int
	}{
		{"one, at once", "", `told(0, {"🔥": 1}); pass(0.3)`, 1},
		{"one", "", `told(0, {"🔥": 1}); pass(2.8)`, 1},
		{"thirty", "", `told(0, {"🔥": 20, "👏": 10}); pass(2.8)`, 30},
		{"half of them in half the time", "", `told(0, {"🔥": 60}); Math.abs(pass(1) - 22) < 6 ? "some" : floating.floating`, -1},
		{"a window that has grown", "", `told(0, {"🔥": 20}); pass(0.2); told(0, {"🔥": 25}); pass(2.8)`, 25},
		{"a window told twice", "", `told(0, {"🔥": 20}); told(0, {"🔥": 20}); pass(2.8)`, 20},
		{"an older window", "", `told(1, {"🔥": 20}); told(0, {"🔥": 200}); pass(2.8)`, 20},
		{"one's own are there already", "", `told(0, {"🔥": 20}, {"🔥": 5}); pass(2.8)`, 15},
		{"more own ones than there are", "", `told(0, {"🔥": 2}, {"🔥": 5}); pass(2.8)`, 0},
		{"half the density", "density: 0.5", `told(0, {"🔥": 20}); pass(2.8)`, 10},
		{"only some emojis, with and without the mark for colour", `emojis: ["❤"]`, `told(0, {"🔥": 20, "❤️": 7}); pass(2.8)`, 7},
		{"no numbers", "", `told(0, {"🔥": NaN, "👏": -4, "🎉": 0}); pass(2.8)`, 0},
		{"no time", "", `told(0, {"🔥": 5}); floating.step(0); floating.step(NaN); floating.step(-1); floating.floating`, 0},
		{"paused", "", `floating.pause(); told(0, {"🔥": 20}); floating.resume(); pass(2.8)`, 0},
		{"paused in between", "", `told(0, {"🔥": 50}); pass(0.2); const n = floating.floating; floating.pause(); floating.resume(); pass(1) - n`, 0},
		{"cleared", "", `told(0, {"🔥": 50}); pass(1); floating.clear(); pass(2)`, 0},
		{"closed", "", `told(0, {"🔥": 50}); pass(1); floating.close(); told(1, {"🔥": 50}); floating.tap("🔥") + pass(2)`, 0},
		{"they vanish", "", `told(0, {"🔥": 50}); pass(8) + (floating.moving ? 1000 : 0)`, 0},
		{"one's own", "", `floating.tap("🔥", {x: 0.5}); pass(1)`, 1},
		{"one's own that was refused falls", "", `floating.settle(floating.tap("🔥"), "refused"); pass(1.1)`, 0},
		{"one's own have room when it is full", "most: 10", `told(0, {"🔥": 1e5}); pass(2); const n = floating.floating; floating.tap("🔥"); floating.floating - n`, 1},
		{"seventy kinds, of which few change", "", `for (let n = 0; n < 70; n++) { told(n, {[String.fromCodePoint(0x1F600 + n)]: 1}); pass(2); } floating.floating > 0 && floating.floating < 4 ? "some" : floating.floating`, -1},
	} {
		t.Run(test.name, func(t *testing.T) {
			tab.Run(`begin({` + test.options + `})`)
			if got := browser.Eval[int](tab, `(() => { `+inReturn(test.js)+` })()`); got != test.want {
				t.Errorf("%d float, want %d", got, test.want)
			}
		})
	}
}

// inReturn returns the statements with a return before the last one. "some" is -1.
func inReturn(js string) string {
	at := strings.LastIndex(js, "; ") + 1
	if end := strings.LastIndex(js, "} "); end > at {
		at = end + 1
	}
	return js[:at] + ` const r = (` + js[at:] + `); return r === "some" ? -1 : r;`
}

// When more rise than there is room for, the canvas does not get fuller, and each emoji keeps its share.
func TestFloatingIsBounded(t *testing.T) {
	t.Parallel()
	tab := canvas(t)
	tab.Run(`begin({most: 300, size: 10}); globalThis.most = 0; for (let n = 0; n < 20; n++) { told(n, {"🔥": 3e6, "👏": 1e6}); most = Math.max(most, pass(2)); }`)
	if most := browser.Eval[int](tab, `most`); most < 150 || most > 300 {
		t.Errorf("%d float at once, want up to 300", most)
	}
	if n := browser.Eval[int](tab, `(begin({motion: "reduced"}), told(0, {"🔥": 1e6}), pass(2))`); n < 10 || n > 24 {
		t.Errorf("with reduced motion %d are there at once", n)
	}
}

// Where a system asks for less motion, emojis appear and vanish where they are.
func TestFloatingStandsStill(t *testing.T) {
	t.Parallel()
	for _, motion := range []string{"auto", "full", "reduced"} {
		tab := browser.Open(t, browser.Laptop)
		tab.ReducedMotion()
		tab.Go(pages(t) + "/empty")
		tab.Run(`
const {FloatingCrowd} = await import("/floating.js"), canvas = document.querySelector("canvas");
const floating = new FloatingCrowd(canvas, {motion: "` + motion + `"});
floating.tap("🔥", {x: 0.5, y: 0.5});
const frame = () => new Promise(done => requestAnimationFrame(done));
globalThis.where = async () => {
  await frame(); await frame();
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let sum = 0, n = 0;
  for (let i = 3; i < data.length; i += 4) if (data[i] > 8) { sum += Math.floor(i / 4 / canvas.width); n++; }
  return n > 0 ? sum / n / canvas.height : null; // the middle of all that is drawn
};`)
		tab.Until(`(globalThis.first = await where()) !== null`)
		tab.Run(`for (let n = 0; n < 20; n++) globalThis.later = await where() ?? later;`)
		if moved := browser.Eval[float64](tab, `Math.abs(later - first)`); moved > 0.02 != (motion == "full") {
			t.Errorf("%s: it has moved by %.2f of the height", motion, moved)
		}
	}
}

// A day of windows with ever new emojis needs no more memory than ten minutes do.
func TestFloatingForADay(t *testing.T) {
	t.Parallel()
	tab := canvas(t)
	tab.Run(`
begin({size: 24});
let n = 0;
globalThis.go = windows => {
  for (const last = n + windows; n < last; n++) {
    const e = i => String.fromCodePoint(0x1F300 + (Math.floor(n / 30) * 7 + i * 131) % 700);
    told(n, {[e(0)]: 10, [e(1)]: 5, [e(2)]: 1});
    for (let i = 0; i < 20; i++) floating.step(0.1);
  }
  return floating.floating;
};`)
	const day, part = 24 * 3600 / 2, 4800
	browser.Eval[int](tab, `go(300)`)
	before := tab.Heap()
	for range day / part {
		if n := browser.Eval[int](tab, `go(`+strconv.Itoa(part)+`)`); n == 0 || n > 200 {
			t.Errorf("%d float", n)
		}
	}
	if after := tab.Heap(); after > before+256<<10 {
		t.Errorf("the heap has grown from %d to %d bytes in %d windows", before, after, day)
	}
}

// Nobody is shown later what came while the tab was hidden, and what stands still asks for no frames.
func TestFloatingRests(t *testing.T) {
	t.Parallel()
	tab := browser.Open(t, browser.Laptop)
	tab.Before(`globalThis.frames = 0; const draw = requestAnimationFrame; requestAnimationFrame = f => { frames++; return draw(f); };`)
	tab.Go(pages(t) + "/empty")
	tab.Run(`
const {FloatingCrowd} = await import("/floating.js");
globalThis.floating = new FloatingCrowd(document.querySelector("canvas"), {motion: "full"});
globalThis.told = n => floating.swarm({channel: "main", window: {start: new Date(n * 2000).toISOString(), end: new Date(n * 2000 + 2000).toISOString()}, total: 50,
  emojis: [{emoji_type: "🔥", emoji_count: 50, emoji_count_aggregated: 50}], own: {}});`)
	show := tab.Hide()
	tab.Run(`for (let n = 0; n < 10; n++) told(n); floating.tap("🔥");`)
	show()
	tab.Run(`const draw = () => new Promise(done => setTimeout(done, 50)); await draw(); frames = 0; await draw();`)
	if got := browser.Eval[[]int](tab, `[floating.floating, frames]`); got[0] != 0 || got[1] != 0 {
		t.Errorf("after it was hidden %d float, and it asks for %d frames", got[0], got[1])
	}
	tab.Run(`told(10)`)
	tab.Until(`floating.floating > 3`)
}
