package browser

import (
	"maps"
	"slices"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Size makes the page as large as a screen.
func (tab *Tab) Size(s Size) {
	tab.tb.Helper()
	must(tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: s.Width, Height: s.Height, DeviceScaleFactor: s.Scale, Mobile: s.Touch,
	})
	touch := emulation.SetTouchEmulationEnabledParams{Enabled: s.Touch}
	if s.Touch {
		touch.MaxTouchPoints = 5
	}
	must(tab, emulation.SetTouchEmulationEnabled, touch)
}

// Media sets what a page finds for a feature of CSS, such as "prefers-color-scheme", "dark". An empty value leaves it to
// Chromium.
func (tab *Tab) Media(feature, value string) {
	tab.tb.Helper()
	tab.media[feature] = value
	features := make([]*emulation.MediaFeature, 0, len(tab.media))
	for _, name := range slices.Sorted(maps.Keys(tab.media)) {
		features = append(features, &emulation.MediaFeature{Name: name, Value: tab.media[name]})
	}
	must(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
}

// Scheme makes the system's colors "dark" or "light".
func (tab *Tab) Scheme(colors string) {
	tab.tb.Helper()
	tab.Media("prefers-color-scheme", colors)
}

// ReducedMotion makes the person one who wants little motion.
func (tab *Tab) ReducedMotion() {
	tab.tb.Helper()
	tab.Media("prefers-reduced-motion", "reduce")
}

// Contrast makes the person one who wants more contrast.
func (tab *Tab) Contrast() {
	tab.tb.Helper()
	tab.Media("prefers-contrast", "more")
}

// ForcedColors makes the system choose the colors, as Windows does in its contrast themes.
func (tab *Tab) ForcedColors() {
	tab.tb.Helper()
	tab.Media("forced-colors", "active")
}

// RightToLeft writes the page that is open from right to left.
func (tab *Tab) RightToLeft() {
	tab.tb.Helper()
	tab.Run(`document.documentElement.dir = "rtl"`)
}

// Slow makes the processor so many times slower; 1 is as it is.
func (tab *Tab) Slow(times float64) {
	tab.tb.Helper()
	must(tab, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: times})
}

// Network is what a connection is like.
type Network struct {
	Offline  bool
	Latency  float64 // ms until an answer begins
	Down, Up float64 // bytes a second; 0: as fast as it goes
}

// The networks of phones, as Lighthouse has them: 150 ms there and back and 1.6 Mbit/s, and the same as the developer tools
// apply it to each request, with time for connections and for what is lost.
//
//nolint:gochecknoglobals // constants, which Go has not for structs
var (
	Mobile     = Network{Latency: 150, Down: 1.6e6 / 8, Up: 750e3 / 8}
	SlowMobile = Network{Latency: 562.5, Down: 1.6e6 / 8 * 0.9, Up: 750e3 / 8 * 0.9}
)

// Network makes the tab's requests as n says. Zero is this machine's own network. A stream that is open stays as it is.
func (tab *Tab) Network(n Network) {
	tab.tb.Helper()
	free := func(rate float64) float64 {
		if rate == 0 {
			return -1
		}
		return rate
	}
	must(tab, network.OverrideNetworkState, network.OverrideNetworkStateParams{
		Offline: n.Offline, Latency: n.Latency, DownloadThroughput: free(n.Down), UploadThroughput: free(n.Up),
	})
	rule := network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{}}
	if n != (Network{}) {
		rule.MatchedNetworkConditions = append(rule.MatchedNetworkConditions, &network.Conditions{
			Offline: n.Offline, Latency: n.Latency, DownloadThroughput: free(n.Down), UploadThroughput: free(n.Up),
		})
	}
	must(tab, network.EmulateNetworkConditionsByRule, rule)
}

// Offline takes the network away, or brings it back. The page's offline and online events come too. A stream that is open
// stays open, and what comes by it tells the page that it is not offline: pause its server.
func (tab *Tab) Offline(off bool) {
	tab.tb.Helper()
	if off {
		tab.Expect(`net::ERR_INTERNET_DISCONNECTED`)
	}
	tab.Network(Network{Offline: off})
}

// Hide puts another tab in front, so that document.hidden becomes true, frames are not drawn, and timers are slowed down.
// What it returns brings the tab back.
func (tab *Tab) Hide() (show func()) {
	tab.tb.Helper()
	front, end := chromedp.NewContext(tab.ctx, chromedp.WithNewWindow(false))
	tab.tb.Cleanup(end)
	if err := chromedp.Do(front, chromedp.Navigate("about:blank")); err != nil {
		tab.tb.Fatal(err)
	}
	if _, err := chromedp.Call(front, page.BringToFront, cdp.Empty{}); err != nil {
		tab.tb.Fatal(err)
	}
	tab.Until(`document.hidden`)
	return func() {
		tab.tb.Helper()
		must(tab, page.BringToFront, cdp.Empty{})
		tab.Until(`!document.hidden`)
		end()
	}
}

// Touch touches the middle of an element with a finger.
func (tab *Tab) Touch(css string) {
	tab.tb.Helper()
	tab.Do(chromedp.Tap(chromedp.CSS(css), chromedp.NodeVisible))
}
