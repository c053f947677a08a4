package browser_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/proof/browser"
	"github.com/emostream/emostream/internal/proof/parallel"
)

func TestMain(m *testing.M) {
	parallel.AtLeast(4)
	os.Exit(browser.Run(m))
}

// serve serves one page to a test.
func serve(t *testing.T, page string) (url string) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; img-src data:; connect-src 'self' http:")
		if _, err := w.Write([]byte(page)); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL + "/"
}

// What goes wrong in a page is noticed.
func TestFaultsAreNoticed(t *testing.T) {
	t.Parallel()
	icon := `<link rel=icon href="data:,">`
	for _, test := range []struct{ name, page, do, want string }{
		{"nothing", "", "", ""},
		{"an exception", "", `setTimeout(() => { throw new Error("oh") })`, "threw: Uncaught Error: oh"},
		{"a rejection", "", `Promise.reject(new Error("oh"))`, "threw: Uncaught (in promise) Error: oh"},
		{"an error on the console", "", `console.error("oh")`, "console.error: oh"},
		{"what does not load", `<script src=/missing.js></script>`, "", "network: Failed to load resource: the server responded with a status of 404 (Not Found)"},
		{"an inline script", `<script>1</script>`, "", "security: Executing inline script violates"},
		{"an inline style", `<p style="color: red">x</p>`, "", "security: Applying inline style violates"},
		{"another machine", "", `fetch("http://192.0.2.1/").catch(() => 0)`, "asks another machine: http://192.0.2.1/"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tab := browser.Open(t, browser.Laptop)
			tab.Go(serve(t, "<!doctype html><title>A page</title>"+icon+test.page))
			tab.Run(test.do)
			var all []string
			if test.want == "" {
				all = tab.Faults()
			} else {
				browser.Wait(t, "a fault", func() error {
					if all = append(all, tab.Faults()...); !strings.Contains(strings.Join(all, "\n"), test.want) {
						return errors.New("none yet")
					}
					return nil
				})
			}
			if test.want == "" && len(all) > 0 {
				t.Errorf("%q", all)
			}
			tab.Expect("Content Security Policy", "192.0.2.1")
		})
	}
}

// A page finds what the test says.
func TestEmulation(t *testing.T) {
	t.Parallel()
	tab := browser.Open(t, browser.Phone)
	tab.Go(serve(t, `<!doctype html><title>A page</title><meta name=viewport content="width=device-width"><link rel=icon href="data:,"><button>x</button>`))
	is := func(js string) {
		t.Helper()
		if !browser.Eval[bool](tab, js) {
			t.Errorf("it is not so: %s", js)
		}
	}
	is(`innerWidth === 360 && innerHeight === 640 && devicePixelRatio === 2 && navigator.maxTouchPoints === 5`)
	tab.Size(browser.Laptop)
	is(`innerWidth === 1280 && devicePixelRatio === 1`)
	tab.Scheme("dark")
	tab.ReducedMotion()
	tab.Contrast()
	tab.ForcedColors()
	for _, query := range []string{"prefers-color-scheme: dark", "prefers-reduced-motion: reduce", "prefers-contrast: more", "forced-colors: active"} {
		is(`matchMedia("(` + query + `)").matches`)
	}
	tab.Scheme("light")
	is(`matchMedia("(prefers-color-scheme: light)").matches`)
	tab.RightToLeft()
	is(`getComputedStyle(document.body).direction === "rtl"`)

	tab.Run(`globalThis.events = []; for (const e of ["offline", "online"]) addEventListener(e, () => events.push(e))`)
	tab.Offline(true)
	tab.Until(`!navigator.onLine && events.join() === "offline"`)
	if got := browser.Eval[string](tab, `fetch(location).then(() => "", e => e.message)`); got != "Failed to fetch" {
		t.Errorf("a request without a network: %q", got)
	}
	tab.Offline(false)
	tab.Until(`navigator.onLine && events.join() === "offline,online"`)
	if got := browser.Eval[int](tab, `fetch(location).then(r => r.status)`); got != 200 {
		t.Errorf("a request with a network: %d", got)
	}

	show := tab.Hide()
	show()
	if n := tab.Heap(); n < 100_000 || n > 50_000_000 {
		t.Errorf("the heap has %d bytes", n)
	}
}

// Axe finds what a screen reader cannot name.
func TestAxeFinds(t *testing.T) {
	t.Parallel()
	tab := browser.Open(t, browser.Laptop)
	tab.Go(serve(t, `<!doctype html><html lang=en><title>A page</title><link rel=icon href="data:,"><main><h1>A page</h1><button>Yes</button></main>`))
	tab.Axe()
	tab.Run(`document.querySelector("button").textContent = ""`)
	if found := tab.AxeFinds(); len(found) != 1 || !strings.HasPrefix(found[0], "button-name (critical): button:") {
		t.Errorf("it finds %q", found)
	}
	if found := tab.AxeFinds("button-name"); len(found) != 0 {
		t.Errorf("without the rule it finds %q", found)
	}
}

// Firefox shows pages, clicks, and notices faults.
func TestFirefox(t *testing.T) {
	t.Parallel()
	f := browser.OpenFirefox(t, browser.Phone)
	f.Go(serve(t, `<!doctype html><html lang=en><title>A page</title><link rel=icon href="data:,"><button>Yes</button>`))
	var is struct {
		Width, Ratio float64
		Title        string
	}
	f.Eval(`({Width: innerWidth, Ratio: devicePixelRatio, Title: document.title})`, &is)
	if is.Width != 360 || is.Ratio != 2 || is.Title != "A page" {
		t.Errorf("the page is %+v", is)
	}
	f.Run(`document.querySelector("button").onclick = () => { document.title = "Clicked" }`)
	f.Click("button")
	f.Until(`document.title === "Clicked"`)
	if png := f.Picture("clicked"); len(png) < 100 {
		t.Errorf("a picture of %d bytes", len(png))
	}
	f.Run(`setTimeout(() => { throw new Error("oh") }); document.body.append(Object.assign(document.createElement("img"), {src: "/x.png"}))`)
	browser.Wait(t, "both faults", func() error {
		if found := strings.Join(f.Faults(), " "); !strings.Contains(found, "oh") || !strings.Contains(found, "Content-Security-Policy") {
			return fmt.Errorf("%q", found)
		}
		return nil
	})
	f.Expect("oh", "Content-Security-Policy")
}
