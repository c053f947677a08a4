package loadgen_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

// The latencies tell apart what answers say, and whether there are any. A connection that
// is refused is no answer that refuses, and no name says so.
func TestLatenciesByAnswers(t *testing.T) {
	t.Parallel()
	statuses := []int{http.StatusOK, http.StatusTooManyRequests, http.StatusInternalServerError}
	var ended atomic.Bool
	url := serve(t, func(n int64, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(statuses[min(n, 3)-1])
		ended.Store(n == 3)
	})
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if ended.Load() {
			return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	r, err := loadgen.Run(loadgen.WithDialer(t.Context(), dial), loadgen.Config{
		Publish: &loadgen.Publish{PostURL: url}, Rate: 100, Duration: 100 * ms, Connections: 1, Timeout: longTimeout, Drain: longTimeout,
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{report.Ack: 10, report.AckAccepted: 1, report.AckRefused: 2, report.AckFailed: 7} {
		if l := r.Latency[name]; l == nil || l.Count != want {
			t.Errorf("%s is %+v, want %d", name, l, want)
		}
	}
	if r.Rejected != 8 || r.InDoubt != 1 || r.Errors["connection refused"] != 7 {
		t.Errorf("rejected %d, in doubt %d: %v", r.Rejected, r.InDoubt, r.Errors)
	}
	var b strings.Builder
	if err := report.WriteText(&b, r); err != nil || !strings.Contains(b.String(), "\n  ack: no answer") {
		t.Errorf("%v, the report is\n%s", err, b.String())
	}
}
