// Package browser proves in real browsers what serve hands out to them: the page people tap on, the overlay, the module,
// and the examples of docs/embed.md. Its tests stand beside it, so that Chromium is started once for all of them:
//
//	func TestTapIsSeen(t *testing.T) {
//		t.Parallel()
//		in := browser.Up(t)                         // emostream up, with more flags if there are any
//		tab := browser.Open(t, browser.Phone)       // a tab with its own storage, of a size
//		tab.Go(in.Page + "/")                       // waits until it is loaded
//		tab.Click("button[data-emoji='🔥']")        // scrolls there and clicks as a person does
//		tab.Until(`document.querySelector("#total").textContent === "1"`)
//		n := browser.Eval[int](tab, `1 + 1`)        // a promise is awaited
//		tab.Picture("after a tap")                  // a PNG, kept with -artifacts -outputdir FOLDER
//	}
//
// A test fails when a page of its tabs writes an error to the console, throws, violates its Content-Security-Policy, asks
// for what does not load, or asks anything of another machine. Tab.Expect names what a test provokes itself. A test that
// fails says where it has left a picture of each tab and the page's source.
//
//   - Tab.Size, Scheme, ReducedMotion, Contrast, ForcedColors, RightToLeft, Slow, Network, Offline, Hide, Touch:
//     what a page finds itself in.
//   - Tab.Key, Click, Text, Do: what a person does and sees. Tab.Context is chromedp's, for everything else.
//   - Tab.Heap, Tab.Frames, Tab.Paint, Tab.Transferred: what it costs.
//   - Tab.Axe, Tab.AxeContrast: the rules of accessibility of axe-core.
//   - Up, Stages and their processes: what is killed, drained and started again. Installation.Tap: a crowd that taps.
//   - Secret, Token, Control: who may do what, and what managers set.
//   - OpenFirefox: the same page in Firefox, by WebDriver BiDi.
//
// Without Chromium the tests are skipped; where CI is set they fail.
package browser
