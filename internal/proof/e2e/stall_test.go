//go:build unix

package e2e_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// While its broker hangs, a main server under load answers every request. Most are
// refused at once, since only --max-in-flight may wait. It also says that it is not
// ready. When the broker goes on, so does the server. All its answers were true.
func TestServeWhileTheBrokerHangs(t *testing.T) {
	sideBySide(t)
	addr, listen := free(t), free(t)
	broker := start(t, "broker", "--listen", addr, "--ephemeral")
	start(t, "serve", "--listen", listen, "--brokers", addr, "--max-in-flight", "16", "--produce-timeout", "1s")
	in := &installation{t: t, main: []string{"http://" + listen}}
	in.ready()

	f := &outcomes{told: map[string]outcome{}}
	var done atomic.Bool
	var clients sync.WaitGroup
	for n := range 48 {
		clients.Go(func() {
			transport := &http.Transport{MaxConnsPerHost: 1}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport, Timeout: maxWait}
			for i := 0; !done.Load(); i++ {
				f.send(client, in.main[0], fmt.Sprintf("%d-%d", n, i))
			}
		})
	}
	more := func(n int, what outcome) {
		t.Helper()
		before := f.count(what)
		until(t, fmt.Sprintf("%d more are %s", n, what), func() error {
			if got := f.count(what) - before; got < n {
				return fmt.Errorf("%d so far", got)
			}
			return nil
		})
	}
	more(500, acknowledged)
	if err := broker.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	more(500, notWritten)
	until(t, "the server is not ready", func() error {
		res, err := http.Get(in.main[0] + "/readyz")
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusServiceUnavailable {
			return fmt.Errorf("%d", res.StatusCode)
		}
		return nil
	})
	if err := broker.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	in.ready()
	more(500, acknowledged)
	done.Store(true)
	clients.Wait()
	t.Logf("%d acknowledged, %d not written, %d in doubt", f.count(acknowledged), f.count(notWritten), f.count(inDoubt))
	f.check(t, []string{addr})
}
