package browser

import (
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/runtime"
)

// heap returns the size of the JavaScript heap after a collection.
func heap(tab *Tab) int64 {
	tab.tb.Helper()
	must(tab, heapprofiler.CollectGarbage, cdp.Empty{})
	return int64(must(tab, runtime.GetHeapUsage, cdp.Empty{}).UsedSize)
}
