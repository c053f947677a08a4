package browser_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/proof/browser"
)

// someCrowd is what a crowd taps, some of it more often.
var someCrowd = strings.Fields("🔥 😂 🔥 👏 🎉 🔥 ❤️ 😂 🔥 🚀 👏 🔥 💯 😂 🎉 🔥 😮 👍 ❤️ 🔥 😂 🎉 💖 🔥")

// The pictures of docs, in the sizes and colors that everything must look good in.
func TestPictures(t *testing.T) {
	if *pictures == "" {
		t.Skip("takes pictures with -pictures FOLDER")
	}
	if err := os.MkdirAll(*pictures, 0o755); err != nil {
		t.Fatal(err)
	}
	in := browser.Up(t)
	in.Tap(900, someCrowd...)
	take := func(name string, tab *browser.Tab, share float64) {
		t.Helper()
		const most = 150_000
		picture := tab.WebP(share)
		if len(picture) > most {
			t.Errorf("%s has %d bytes, more than %d", name, len(picture), most)
		}
		if err := os.WriteFile(filepath.Join(*pictures, name+".webp"), picture, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s.webp: %d bytes", name, len(picture))
	}
	for name, screen := range map[string]struct {
		size  browser.Size
		share float64
	}{"phone": {browser.Phone, 1}, "laptop": {browser.Laptop, 1}, "wall": {browser.Wall, 0.45}} {
		for _, scheme := range []string{"dark", "light"} {
			tab := browser.Open(t, screen.size)
			tab.Scheme(scheme)
			tab.Go(in.Page + "/")
			tab.Until(`document.querySelectorAll("#ranks li").length > 3`)
			for range 3 {
				tab.Run(`document.querySelector("#dock [data-emoji='🔥']").click(); await new Promise(then => setTimeout(then, 700))`)
			}
			<-time.After(5 * time.Second) // the crowd fills the screen
			take("page-"+name+"-"+scheme, tab, screen.share)
			tab.Go("about:blank") // draws no more while the others are taken
		}
	}
	for _, scheme := range []string{"dark", "light"} {
		tab := browser.Open(t, browser.Laptop)
		tab.Scheme(scheme)
		tab.Go(in.Page + "/overlay/setup")
		tab.Until(`document.querySelector("iframe")`)
		<-time.After(5 * time.Second)
		take("setup-"+scheme, tab, 1)
		tab.Go("about:blank")
	}
}
