package clients_test

import (
	"flag"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/proof/process"
)

var (
	tools  = flag.String("tools", "", "the folder into which make test-clients installs client libraries; without it TestCrowd is skipped")
	update = flag.Bool("update", false, "write the table of docs/http.md after TestCrowd has passed")
)

// What TestCrowd waits for at most. A Java program takes some seconds to start while
// forty others do, and some libraries wait half a minute before they connect again.
const patience = 60 * time.Second

// All clients and proxies listen to one subscriber server: while people tap, through a
// silence with a heartbeat, and while the server is killed and started again.
func TestCrowd(t *testing.T) {
	if *tools == "" {
		t.Skip("needs client libraries: make test-clients")
	}
	in := install(t)
	crowd := in.gather()
	in.tap()
	in.windows(1)
	await(t, crowd.missing(in.shown.newest()))
	came := time.Now()
	in.windows(4)

	in.rest()
	in.hearHeartbeat()
	in.tap()
	in.windows(3)

	killed := time.Now()
	in.subscriber.kill()
	in.windows(3)
	in.subscriber.start()
	await(t, crowd.missing(in.shown.newest()))
	in.windows(2)

	in.rest()
	in.checkCounted()
	await(t, crowd.missing(in.shown.newest()))
	truth := in.shown.truth()
	truth.calm = [2]time.Time{came, killed}
	for _, m := range crowd {
		t.Run(m.name, func(t *testing.T) {
			wrong := judge(m.all(), truth)
			if !slices.Equal(slices.Sorted(maps.Keys(wrong)), m.cannot) {
				t.Errorf("it has %v, want %q; it has shown %d events, and said:\n%s", wrong, m.cannot, len(m.all()), process.Tail(m.said.String()))
			}
		})
	}
	if *update && !t.Failed() {
		writeTable(t)
	}
}

// await waits until nobody is missing, and returns after some time in any case: who is
// late is judged in the end.
func await(t *testing.T, missing func() []string) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for give := time.After(patience); ; {
		these := missing()
		if len(these) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-give:
			t.Logf("still missing: %s", strings.Join(these, ", "))
			return
		}
	}
}

// until waits until check returns nil, and fails if that takes too long.
func until(t *testing.T, what string, check func() error) {
	t.Helper()
	var err error
	await(t, func() []string {
		if err = check(); err != nil {
			return []string{what}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}
