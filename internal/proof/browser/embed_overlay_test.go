package browser_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/proof/browser"
)

// The element of docs/embed.md, in a page of another origin, taps and shows.
func TestEmbedElement(t *testing.T) {
	t.Parallel()
	url, set := files(t, map[string]string{})
	in := browser.Up(t, "--cors-origin", url)
	example := examples(t, "html")[1]
	set("", `<!doctype html><html lang="en"><title>Our show</title><main><h1>Our show</h1>`+with(t, example, "http://127.0.0.1:5000/", in.Page+"/")+`</main>`)
	tab := browser.Open(t, browser.Laptop)
	tab.Go(url + "/")
	tab.Run(`
globalThis.element = document.querySelector("emostream-crowd");
globalThis.buttons = () => [...element.shadowRoot.querySelectorAll("button")];
globalThis.total = 0;
element.addEventListener("swarm", event => { total = event.detail.total; });`)
	tab.Until(`element.crowd.state.connection === "live" && buttons().length > 5 && buttons().every(b => b.ariaLabel)`)
	tab.Run(`buttons()[0].click()`)
	tab.Until(`total === 1`)
	tab.Picture("element")
	tab.Axe()
}

// The address of docs/embed.md shows what is tapped in its channel, and the table beside it names every parameter.
func TestEmbedOverlay(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(browser.Root(t), "docs/embed.md"))
	if err != nil {
		t.Fatal(err)
	}
	address := regexp.MustCompile(`(?m)^ +(http://127\.0\.0\.1:5000/overlay#\S+)$`).FindSubmatch(text)
	if address == nil {
		t.Fatal("there is no address of an overlay")
	}
	in := browser.Up(t)
	tab := browser.Open(t, browser.Laptop)
	tab.Go(with(t, string(address[1]), "http://127.0.0.1:5000", in.Page))
	tab.Until(`document.documentElement.dataset.connection === "live"`)
	resp, err := http.Post(in.Page+"/v1/reactions", "application/json", strings.NewReader(`{"user_id":"ann","channel":"stage-1","emoji_type":"❤️","count":100}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	tab.Until(drawn + `.right > 0.7`)
	if where := browser.Eval[map[string]float64](tab, drawn); where["left"] < 0.65 || where["top"] < 0.4 {
		t.Errorf("at the bottom right it draws at %v", where)
	}

	for _, name := range browser.Eval[[]string](tab, `import("/overlay-parameters.js").then(m => Object.keys(m.defaults))`) {
		if !strings.Contains(string(text), fmt.Sprintf("\n| `%s` | ", name)) {
			t.Errorf("docs/embed.md has no row for %s", name)
		}
	}
}
