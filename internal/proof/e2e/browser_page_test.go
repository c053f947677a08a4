//go:build unix

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"syscall"
	"testing"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/wire"
)

// jsOf returns the blocks of JavaScript of docs/http.md.
func jsOf(t *testing.T) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile("../../../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?ms)^```js\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, block[1])
	}
	return blocks
}

// telling is the beginning of a page that tells the test what happens to it.
const telling = `<!doctype html>
<title>A page</title>
<script>
let told = Promise.resolve();
const tell = what => { told = told.then(() => fetch("/tell", {method: "POST", body: JSON.stringify(what)})); };
</script>
`

// The page of docs/http.md leaves a server that was killed, and one that is silent while
// its connections stay open. It misses no window.
func TestPageLeavesItsServer(t *testing.T) {
	sideBySide(t)
	js := jsOf(t)[0]
	one, other := subscribe(t), subscribe(t)
	other.began = one.began
	publish := func(to []*subscriber, numbers ...int) {
		for _, s := range to {
			s.publish(numbers...)
		}
	}
	var b *browser
	b = newBrowserWith(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/register" {
			_, _ = fmt.Fprint(w, telling+`<script>
const main = "", draw = swarm => tell({what: "swarm", id: String(Date.parse(swarm.window.end)), total: swarm.total});
`+js+`</script>`)
			return
		}
		avoid := r.URL.Query().Get("avoid")
		b.told <- told{What: "register", ID: avoid}
		name, at := "one", one.url
		if avoid == "one" {
			name, at = "other", other.url
		}
		httpserve.WriteJSON(w, http.StatusOK, wire.Assignment{ServerName: name, StreamURL: at + "/v1/swarm"})
	})
	registers := func(avoid string) {
		t.Helper()
		if got := b.next("register"); got.ID != avoid {
			t.Fatalf("the page avoids %q, want %q", got.ID, avoid)
		}
	}

	both := []*subscriber{one, other}
	publish(both, 1, 2)
	b.open("", anyOrigin)
	registers("")
	b.sees(one, 2)
	publish(both, 3)
	b.sees(one, 3)

	one.process.kill()
	publish(both, 4, 5, 6) // in the middle of nowhere
	registers("one")
	for n := 4; n <= 6; n++ {
		b.sees(other, n)
	}
	publish(both, 7)
	b.sees(other, 7)

	one.start()
	if err := other.process.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	publish(both[:1], 8, 9)
	registers("other")
	b.sees(one, 8)
	b.sees(one, 9)
}

// What a page sends in its last moments counts, in both ways of docs/http.md.
func TestPageThatGoes(t *testing.T) {
	sideBySide(t)
	js := jsOf(t)[1]
	var server string
	b := newBrowserWith(t, func(w http.ResponseWriter, _ *http.Request) {
		main, err := json.Marshal(server)
		if err != nil {
			t.Error(err)
		}
		_, _ = fmt.Fprintf(w, telling+`<script>
const main = %s, taps = [{user_id: "ann", emoji_type: "🔥"}];
addEventListener("pagehide", () => {
%s});
setTimeout(() => location.replace("about:blank"), 100);
</script>`, main, js)
	})
	_, in := up(t, "--ephemeral", "--cors-origin", b.page)
	server = in.main[0]
	b.open("")
	until(t, "both taps are counted", func() error {
		if _, n := in.counted(); n != 2 {
			return fmt.Errorf("%d are counted", n)
		}
		return nil
	})
}
