package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// chromium is the browser of all tests of this process.
type chromium struct {
	mu  sync.Mutex
	ctx context.Context //nolint:containedctx // chromedp's handle of a browser is a context
	end context.CancelFunc
	err error
}

//nolint:gochecknoglobals // one browser for the whole process, whoever in it asks
var shared chromium

// Run runs the tests of a package, and ends what they have shared. TestMain calls it.
func Run(m *testing.M) int {
	code := m.Run()
	shared.close()
	program.remove()
	return code
}

// get returns chromedp's context of the browser, which it starts at the first call.
func (c *chromium) get(tb testing.TB) context.Context {
	tb.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx == nil && c.err == nil {
		c.start(tb)
	}
	if c.err != nil {
		tb.Fatal(c.err)
	}
	return c.ctx
}

func (c *chromium) start(tb testing.TB) {
	tb.Helper()
	path := Tool(tb, "chromium")
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.NoSandbox, // it runs as root in containers
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("no-proxy-server", true),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("enable-precise-memory-info", true),
		// Timers of hidden tabs are slowed down as they are for people.
		chromedp.Flag("disable-background-timer-throttling", false),
		chromedp.Flag("lang", "en-US"),
	)
	ctx, endAll := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, end := chromedp.NewContext(ctx, chromedp.WithErrorf(func(string, ...any) {}))
	if err := chromedp.Do(ctx); err != nil {
		endAll()
		c.err = fmt.Errorf("chromium does not start: %w", err)
		return
	}
	c.ctx = ctx
	c.end = func() {
		_ = chromedp.Cancel(ctx) // waits until it has ended
		end()
		endAll()
	}
}

func (c *chromium) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end != nil {
		c.end()
	}
}

// Tool returns the path of a program. Without it the test is skipped, and fails in CI.
func Tool(tb testing.TB, name string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(tb, name)
	}
	return path
}

// Missing skips a test for what it lacks, and fails it in CI.
func Missing(tb testing.TB, what string) {
	tb.Helper()
	if os.Getenv("CI") != "" {
		tb.Fatalf("there is no %s", what)
	}
	tb.Skipf("there is no %s", what)
}
