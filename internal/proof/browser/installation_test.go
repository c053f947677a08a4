package browser_test

import (
	"testing"

	"github.com/emostream/emostream/internal/proof/browser"
)

// Every page that up hands out is shown without a fault.
func TestPagesAreShown(t *testing.T) {
	t.Parallel()
	in := browser.Up(t)
	for _, path := range []string{"/", "/overlay", "/overlay/setup"} {
		tab := browser.Open(t, browser.Phone)
		tab.Go(in.Page + path)
		tab.Until(`document.title.length > 0 && document.body.innerText.length >= 0`)
	}
}

// A subscriber server that was killed comes back at its address.
func TestStagesComeBack(t *testing.T) {
	t.Parallel()
	in := browser.Stages(t, browser.Config{})
	tab := browser.Open(t, browser.Laptop)
	tab.Go(in.Page + "/")
	in.Process["sub1"].Kill()
	in.Process["sub2"].Stop()
	in.Ready() // without them
	in.Process["sub1"].Start()
	in.Process["sub2"].Start()
	in.Ready()
	if got := browser.Eval[int](tab, `fetch(`+"`"+in.Subscribers["sub2"]+"/readyz`"+`, {mode: "no-cors"}).then(r => r.status)`); got != 0 {
		t.Errorf("an opaque answer has status %d", got)
	}
}
