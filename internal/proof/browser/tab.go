package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"

	"github.com/emostream/emostream/internal/sleep"
)

// MaxWait is how long a test waits for anything before it fails.
const MaxWait = 30 * time.Second

// Tab is a tab of Chromium, with cookies and storage of its own.
type Tab struct {
	tb    testing.TB
	ctx   context.Context //nolint:containedctx // chromedp's handle of a tab is a context
	end   context.CancelFunc
	watch *watcher
	media map[string]string // by feature, as the page finds it
}

// Size is how large a page is, in CSS pixels, and how many pixels of the screen are one of them.
type Size struct {
	Width, Height int64
	Scale         float64
	Touch         bool // a phone: fingers, and a viewport that obeys the page's meta tag
}

// The sizes that everything must look good in.
//
//nolint:gochecknoglobals // constants, which Go has not for structs
var (
	Phone  = Size{360, 640, 2, true}
	Laptop = Size{1280, 800, 1, false}
	Wall   = Size{3840, 2160, 1, false}
)

// Open opens an empty tab of a size until the test ends.
func Open(tb testing.TB, size Size) *Tab {
	tb.Helper()
	parent := shared.get(tb)
	tab := &Tab{tb: tb, media: map[string]string{}}
	tab.watch = newWatcher()
	tab.ctx, tab.end = chromedp.NewContext(parent, chromedp.WithNewBrowserContext(), chromedp.WithListener(tab.watch.hear))
	tab.start(size)
	return tab
}

// Beside opens another tab with the same cookies and storage.
func (tab *Tab) Beside(size Size) *Tab {
	tab.tb.Helper()
	other := &Tab{tb: tab.tb, media: map[string]string{}}
	other.watch = newWatcher()
	other.ctx, other.end = chromedp.NewContext(tab.ctx, chromedp.WithListener(other.watch.hear))
	other.start(size)
	return other
}

func (tab *Tab) start(size Size) {
	tab.tb.Helper()
	if err := chromedp.Do(tab.ctx); err != nil { // with the context that lasts as long as the tab, since that ends with it
		tab.tb.Fatal(err)
	}
	tab.tb.Cleanup(tab.close)
	must(tab, log.Enable, cdp.Empty{})
	must(tab, network.Enable, network.EnableParams{})
	tab.Size(size)
}

// close ends the tab, and tells what was wrong with its pages.
func (tab *Tab) close() {
	tab.tb.Helper()
	for _, fault := range tab.watch.faults() {
		tab.tb.Error(fault)
	}
	if tab.tb.Failed() {
		tab.leavePicture()
	}
	_ = chromedp.Cancel(tab.ctx) // closes the tab, and waits until it is closed; it may have crashed before
	tab.end()
}

// Context returns chromedp's context of the tab, for what Tab has no method for.
func (tab *Tab) Context() context.Context { return tab.ctx }

// must runs a command of the DevTools protocol.
func must[P, R any](tab *Tab, command cdp.Command[P, R], params P) R {
	tab.tb.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, MaxWait)
	defer cancel()
	r, err := chromedp.Call(ctx, command, params)
	if err != nil {
		tab.tb.Fatalf("%s: %v", command.Method, err)
	}
	return r
}

// Call runs a command of the DevTools protocol in a tab.
func Call[P, R any](tab *Tab, command cdp.Command[P, R], params P) R {
	tab.tb.Helper()
	return must(tab, command, params)
}

// Go opens an address and waits until the page and what it names are loaded.
func (tab *Tab) Go(url string) {
	tab.tb.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, MaxWait)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		tab.tb.Fatalf("open %s: %v", url, err)
	}
}

// Reload loads the page again.
func (tab *Tab) Reload() {
	tab.tb.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, MaxWait)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Reload()); err != nil {
		tab.tb.Fatalf("reload: %v", err)
	}
}

// Before runs JavaScript in each page that the tab opens from now on, before the page's own.
func (tab *Tab) Before(js string) {
	tab.tb.Helper()
	must(tab, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: js})
}

// TrustAny lets the tab open HTTPS addresses with certificates that nobody vouches for. Otherwise they are refused.
func (tab *Tab) TrustAny() {
	tab.tb.Helper()
	must(tab, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true})
}

// Do runs actions of chromedp.
func (tab *Tab) Do(actions ...chromedp.Action[chromedp.Void]) {
	tab.tb.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, MaxWait)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		tab.tb.Fatal(err)
	}
}

// Click scrolls to the element, waits until it can be seen, and clicks on it.
func (tab *Tab) Click(css string) {
	tab.tb.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, MaxWait)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS(css), chromedp.NodeVisible)); err != nil {
		tab.tb.Fatalf("click on %s: %v", css, err)
	}
}

// Key presses keys one after another; those of chromedp's package kb have names.
func (tab *Tab) Key(keys string) {
	tab.tb.Helper()
	tab.Do(chromedp.KeyEvent(keys))
}

// Text returns the text of the first element, as it is seen.
func (tab *Tab) Text(css string) string {
	tab.tb.Helper()
	return Eval[string](tab, fmt.Sprintf(`document.querySelector(%q).innerText`, css))
}

// Eval returns the value of an expression of JavaScript. It awaits a promise. The page's Content-Security-Policy does not
// matter.
func Eval[T any](tab *Tab, js string) T {
	tab.tb.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, MaxWait)
	defer cancel()
	v, err := eval[T](ctx, js)
	if err != nil {
		tab.tb.Fatalf("%s: %v", js, err)
	}
	return v
}

func eval[T any](ctx context.Context, js string) (T, error) {
	return chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
}

// Run runs JavaScript, in which await may be used.
func (tab *Tab) Run(js string) {
	tab.tb.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, MaxWait)
	defer cancel()
	if _, err := eval[chromedp.Void](ctx, "(async () => {"+js+"\n})()"); err != nil {
		tab.tb.Fatalf("%s: %v", js, err)
	}
}

// Until waits until an expression of JavaScript is true. What it throws is taken for false.
func (tab *Tab) Until(js string) {
	tab.tb.Helper()
	tab.UntilFor(MaxWait, js)
}

// UntilFor is Until for what may take longer or must come sooner.
func (tab *Tab) UntilFor(most time.Duration, js string) {
	tab.tb.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, most)
	defer cancel()
	const pause = 30 * time.Millisecond
	for last := ""; ; {
		v, err := eval[bool](ctx, "(async () => Boolean(await ("+js+")))()")
		switch {
		case err == nil && v:
			return
		case err != nil && ctx.Err() == nil:
			last = ": " + err.Error()
		}
		if sleep.For(ctx, pause) != nil {
			tab.tb.Fatalf("after %v it is not so: %s%s", most, js, last)
		}
	}
}

// Picture returns a PNG of what is seen. It is kept as NAME.png with go test -artifacts -outputdir FOLDER.
func (tab *Tab) Picture(name string) []byte {
	tab.tb.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, MaxWait)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		tab.tb.Fatalf("picture of %s: %v", name, err)
	}
	tab.write(tab.tb.ArtifactDir(), name+".png", png)
	return png
}

// WebP returns what is seen as a lossy WebP, made smaller to a share of its size, for pages of docs.
func (tab *Tab) WebP(share float64) []byte {
	tab.tb.Helper()
	quality := int64(75)
	size := Eval[[]float64](tab, `[innerWidth, innerHeight]`)
	return must(tab, page.CaptureScreenshot, page.CaptureScreenshotParams{
		Format: page.CaptureScreenshotFormatWebp, Quality: &quality,
		Clip: &page.Viewport{Width: size[0], Height: size[1], Scale: share},
	}).Data
}

// leavePicture leaves what a failed test's page looked like in the system's temporary folder.
func (tab *Tab) leavePicture() {
	tab.tb.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, MaxWait)
	defer cancel()
	name := chromedp.FromContext(tab.ctx).Target.TargetID.String()[:4] // tells the tabs of a test apart
	folder := filepath.Join(os.TempDir(), "emostream-browser", strings.NewReplacer("/", "_", " ", "_").Replace(tab.tb.Name()))
	if png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot()); err == nil {
		tab.tb.Log(tab.write(folder, "failed-"+name+".png", png))
	}
	if html, err := eval[string](ctx, `location.href.replace(/(token|ticket)=[^&]*/g, "$1=…") + "\n" + document.documentElement.outerHTML`); err == nil {
		tab.tb.Log(tab.write(folder, "failed-"+name+".html", []byte(html)))
	}
}

func (tab *Tab) write(folder, name string, content []byte) (path string) {
	tab.tb.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		tab.tb.Error(err)
	}
	path = filepath.Join(folder, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		tab.tb.Error(err)
	}
	return path
}
