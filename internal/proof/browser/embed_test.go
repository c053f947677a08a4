package browser_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/proof/browser"
)

// examples returns the blocks of docs/embed.md in a language.
func examples(t *testing.T, language string) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(browser.Root(t), "docs/embed.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, block[1])
	}
	return blocks
}

// with returns a text in which each old one is replaced by the new one that follows it. An old one that does not stand
// there fails the test: the page was changed, and the test must follow.
func with(t *testing.T, text string, oldnew ...string) string {
	t.Helper()
	for pair := range slices.Chunk(oldnew, 2) {
		if !strings.Contains(text, pair[0]) {
			t.Fatalf("%q stands no more in\n%s", pair[0], text)
		}
	}
	return strings.NewReplacer(oldnew...).Replace(text)
}

// files serves files of an origin of its own. What has no name of a file is the page.
func files(t *testing.T, named map[string]string) (url string, set func(name, content string)) {
	t.Helper()
	types := map[string]string{"": "text/html", ".html": "text/html", ".js": "text/javascript"}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, ok := named[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			w.WriteHeader(http.StatusNoContent) // such as the favicon, which the page does not speak of
			return
		}
		w.Header().Set("Content-Type", types[filepath.Ext(r.URL.Path)]+"; charset=utf-8")
		_, _ = io.WriteString(w, content)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, func(name, content string) { named[name] = content }
}

// The page of ten lines, as a file of another origin, shows what was tapped in it.
func TestEmbedTenLines(t *testing.T) {
	t.Parallel()
	url, set := files(t, map[string]string{})
	in := browser.Up(t, "--cors-origin", url)
	set("", with(t, examples(t, "html")[0], "http://127.0.0.1:5000/", in.Page+"/"))
	tab := browser.Open(t, browser.Phone)
	tab.Go(url + "/")
	tab.Click("button")
	tab.Until(`document.querySelector("output").textContent === "🔥 1"`)
}

// What a page can show is shown, with a token of the site and without.
func TestEmbedShows(t *testing.T) {
	t.Parallel()
	js := examples(t, "js")
	if len(js) != 2 {
		t.Fatalf("%d examples in JavaScript", len(js))
	}
	s := newSite(t)
	open, guarded := browser.Up(t, "--cors-origin", s.URL), browser.Up(t, "--cors-origin", s.URL, "--auth-keys", s.keyFile(t))
	tab := browser.Open(t, browser.Laptop)
	begins := func(in *browser.Installation) string {
		return `
document.body.innerHTML = "<p id=status></p><p id=notice></p><p id=palette></p><pre id=ranks></pre><p id=share></p>";
const [status, notice, palette, ranks, share] = ["status", "notice", "palette", "ranks", "share"].map(id => document.getElementById(id));
const { connect } = await import("` + in.Page + `/emostream.js");
`
	}
	const server = "https://emostream.example.com"
	tab.Go(s.URL + "/")
	tab.Run(begins(open) + with(t, js[0], server, open.Page) + "globalThis.crowd = crowd")
	tab.Until(`document.querySelector("#status").textContent === "live"`)
	tab.Click(`button[aria-label="fire"]`)
	tab.Until(`document.querySelector("#ranks").textContent === "🔥 1"`)
	if got := tab.Text("#share"); got != "1 of the 🔥 were yours" {
		t.Errorf("the share is %q", got)
	}
	tab.Run(`crowd.close()`)
	if got := tab.Text("#status"); got != "closed" {
		t.Errorf("the status is %q", got)
	}
	tab.Run(begins(guarded) + with(t, js[1], server, guarded.Page, "/emostream-token", "/token") + `globalThis.tapped = crowd.tap("🔥").done`)
	tab.Until(`tapped.then(tap => tap.result === "accepted")`)
}

// tools returns the folder of the programs that make test-browser installs.
func tools(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(browser.Root(t), ".cache/browser/node_modules")
	for _, name := range []string{"esbuild", "typescript", "react-dom"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			browser.Missing(t, name+" (make .cache/browser/package-lock.json)")
		}
	}
	return folder
}

// packed returns a folder in which the package of npm is installed, beside files with a content.
func packed(t *testing.T, content map[string]string) (folder string) {
	t.Helper()
	npm := browser.Tool(t, "npm")
	folder = t.TempDir()
	command(t, browser.Root(t), browser.Tool(t, "make"), "npm-package", "NPM="+folder, "VERSION=1.2.3")
	content["package.json"] = `{"private": true, "type": "module"}`
	for name, text := range content {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command(t, folder, npm, "install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "./emostream-1.2.3.tgz")
	return folder
}

// command runs a program in a folder, and returns its output.
func command(t *testing.T, folder, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(browser.Root(t), ".cache/browser/node_modules"))
	var says bytes.Buffer
	cmd.Stdout, cmd.Stderr = &says, &says
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, says.String())
	}
	return says.String()
}

// The component of docs/embed.md, bundled with React in strict mode and with the package of npm, asks the server once,
// taps and shows.
func TestEmbedReact(t *testing.T) {
	t.Parallel()
	from := tools(t)
	url, set := files(t, map[string]string{"": `<!doctype html><meta charset=utf-8><title>React</title><link rel=icon href="data:,"><div id=root></div><script type=module src=/main.js></script>`})
	in := browser.Up(t, "--cors-origin", url)
	folder := packed(t, map[string]string{
		"reactions.jsx": examples(t, "jsx")[0],
		"main.jsx": `
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Reactions } from "./reactions.jsx";
const root = globalThis.root = createRoot(document.getElementById("root"));
root.render(<StrictMode><Reactions server="` + in.Page + `" channel="main" emojis={["🔥", "👍"]} /></StrictMode>);`,
	})
	command(t, folder, filepath.Join(from, ".bin/esbuild"), "main.jsx", "--bundle", "--format=esm", "--jsx=automatic", "--outfile=main.js", `--define:process.env.NODE_ENV="development"`)
	bundle, err := os.ReadFile(filepath.Join(folder, "main.js"))
	if err != nil {
		t.Fatal(err)
	}
	set("main.js", string(bundle))
	tab := browser.Open(t, browser.Laptop)
	tab.Go(url + "/")
	tab.Until(`document.querySelector("p").ariaLabel === "Reactions, live"`)
	tab.Click("button")
	tab.Until(`document.querySelector("button").textContent === "🔥 1"`)
	if got := browser.Eval[int](tab, `performance.getEntriesByType("resource").filter(e => e.name.includes("/register")).length`); got != 1 {
		t.Errorf("in strict mode it registers %d times", got)
	}
	tab.Run(`root.unmount()`)
	tab.Until(`document.querySelector("#root").textContent === ""`)
}

// The types are those of the module, also under TypeScript's strict rules, and the package can be imported where there is
// no page.
func TestPackageTypes(t *testing.T) {
	t.Parallel()
	from := tools(t)
	folder := packed(t, map[string]string{"use.ts": `
import { connect, type Crowd, type State, type Tap } from "emostream";
import { FloatingCrowd } from "emostream/floating.js";
import "emostream/emostream-crowd.js";

const crowd: Crowd = connect({ server: new URL("https://x.example"), channel: "main", token: async () => "t", listen: true });
const tap: Tap = crowd.tap("🔥", 2);
tap.done.then(({ result, code }) => [result satisfies "pending" | "accepted" | "refused" | "in_doubt", code?.length]);
crowd.addEventListener("swarm", ({ detail }) => detail.emojis.map(e => e.emoji_count + (detail.own[e.emoji_type] ?? 0) + Number(detail.newest)));
crowd.addEventListener("state", ({ detail }) => { const state: State = detail; state.channel.until?.toFixed(); });
crowd.addEventListener("config", ({ detail }) => detail.palette.map(emoji => detail.names[emoji]));
crowd.addEventListener("refused", ({ detail }) => detail.error?.length, { once: true });
// @ts-expect-error: no such option
connect({ chanel: "main" });
// @ts-expect-error: a state is read
crowd.state.pending = 1;
// @ts-expect-error: an emoji is a text
crowd.tap(1);
crowd.close();
const floating = new FloatingCrowd(document.querySelector("canvas")!, { size: 30, position: "top-left" });
crowd.addEventListener("swarm", ({ detail }) => floating.swarm(detail));
floating.settle(floating.tap("🔥", { x: 0.5 }), "accepted");
document.querySelector("emostream-crowd")?.crowd?.tap("🔥");
`})
	command(t, folder, filepath.Join(from, ".bin/tsc"), "--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom", "--module", "esnext", "--moduleResolution", "bundler", "use.ts")
	for _, name := range []string{"emostream", "emostream/emostream.js"} {
		if got := command(t, folder, browser.Tool(t, "node"), "--input-type=module", "--eval", fmt.Sprintf(`import { connect } from %q; console.log(typeof connect)`, name)); got != "function\n" {
			t.Errorf("of %s connect is a %s", name, got)
		}
	}
}
