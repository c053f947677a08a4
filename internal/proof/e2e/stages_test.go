package e2e_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/proof/kafkatest"
	"github.com/emostream/emostream/internal/proof/parallel"
)

// stages starts two copies of every stage, each as a process, and returns them by name,
// such as serve-1. Subscriber servers are called sub1 and sub2.
func stages(t *testing.T) (map[string]*process, *installation) {
	t.Helper()
	in := &installation{t: t, servers: map[string]string{}}
	in.names.Prefix = prefix(t)
	brokers := os.Getenv(kafkatest.BrokersVariable)
	all := map[string]*process{}
	if brokers == "" {
		addr := free(t)
		brokers = "localhost:" + port(addr)
		// The broker starts after the stages, which wait for it.
		defer func() {
			all["broker"] = start(t, "broker", "--listen", brokers, "--data-dir", t.TempDir())
			in.ready()
		}()
	} else {
		defer in.ready()
	}
	in.brokers = strings.Split(brokers, ",")
	run := func(name string, args ...string) {
		all[name] = start(t, append(args, "--brokers", brokers, "--topic-prefix", in.names.Prefix, "--group-prefix", in.names.Prefix)...)
	}
	for i := range 2 {
		addr := free(t)
		in.main = append(in.main, "http://"+addr)
		run(fmt.Sprintf("serve-%d", i+1), "serve", "--listen", addr)
		run(fmt.Sprintf("aggregate-%d", i+1), "aggregate")
		run(fmt.Sprintf("publish-%d", i+1), "publish")
		name, addr := fmt.Sprintf("sub%d", i+1), free(t)
		in.servers[name] = "http://" + addr
		run(name, "subscribe", "--name", name, "--cluster", fmt.Sprintf("cluster_%d", i+1), "--listen", addr)
	}
	return all, in
}

// free returns an address of this machine on which nobody listens.
func free(tb testing.TB) string {
	tb.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(parallel.Ports(tb, 1)))
}

func port(addr string) string {
	_, p, _ := net.SplitHostPort(addr)
	return p
}

// ready waits until all main servers and subscriber servers say that they are ready.
func (in *installation) ready() {
	in.t.Helper()
	urls := append([]string(nil), in.main...)
	for _, url := range in.servers {
		urls = append(urls, url)
	}
	for _, url := range urls {
		until(in.t, url+" is ready", func() error {
			res, err := http.Get(url + "/readyz")
			if err != nil {
				return err
			}
			defer res.Body.Close()
			if res.StatusCode != http.StatusOK {
				return fmt.Errorf("%d", res.StatusCode)
			}
			return nil
		})
	}
}

// With two copies of every stage, each acknowledged reaction is counted and shown once,
// even if a copy of aggregate, a copy of publish and a broker are killed. On Apache
// Kafka that is one broker of three; the embedded broker is the only one, and is
// started again.
func TestStagesTwice(t *testing.T) {
	sideBySide(t)
	all, in := stages(t)
	led := in.crowd(t.Context(), 2000, 32, 2*time.Second)
	if led.total != 2000 {
		t.Fatalf("%d of 2000 were acknowledged, %d in doubt, %v", led.total, led.inDoubt, led.failed)
	}
	in.checkCounted(led)

	listeners := map[string]*listener{}
	for name, url := range in.servers {
		listeners[name] = listen(t, url)
	}
	began := time.Now() // after the end of every window so far
	done := make(chan *outcomeCounts)
	go func() { done <- in.crowd(t.Context(), 4000, 32, 8*time.Second) }()
	<-time.After(2 * time.Second)
	all["aggregate-1"].kill()
	all["publish-2"].kill()
	if control := os.Getenv(kafkatest.ControlVariable); control != "" {
		c := kafkatest.Control{URL: control}
		if err := c.Kill(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), maxWait)
			defer cancel()
			if err := c.Start(ctx, 2); err != nil {
				t.Error(err)
			}
		})
	} else {
		args := all["broker"].cmd.Args[1:]
		all["broker"].kill()
		all["broker"] = start(t, args...)
	}
	more := <-done
	t.Logf("%d acknowledged, %d in doubt, %d times refused as not written", more.total, more.inDoubt, more.refused)
	more.total += led.total
	more.inDoubt += led.inDoubt
	for e, n := range led.accepted {
		more.accepted[e] += n
	}
	in.checkCounted(more)
	in.checkRecords()
	for name, l := range listeners {
		l.checkShown(t, name, began, &outcomeCounts{total: more.total - led.total, inDoubt: more.inDoubt})
	}
}
