package e2e_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
)

// tracedReaction is a line of `consume --trace -o json`: a reaction, or the trace as a
// whole.
type tracedReaction struct {
	User  string             `json:"user_id"`
	Stuck bool               `json:"stuck"`
	Hops  map[string]float64 `json:"hops_ms"`
	Total float64            `json:"total_ms"`
	Trace *struct {          // only in the last line
		Done        int64 `json:"done"`
		Stuck       int64 `json:"stuck"`
		NotFollowed int64 `json:"not_followed"`
		Hops        []struct {
			To   string
			N    int64
			Mean float64 `json:"mean_ms"`
		}
		EndToEnd struct {
			N    int64
			Mean float64 `json:"mean_ms"`
		} `json:"end_to_end"`
	}
}

// hops are the hops of a reaction, in their order.
var hops = []string{"accepted", "in_log", "window_end", "counted", "aggregated", "cluster", "first_subscriber", "last_subscriber"}

// consume --trace follows every reaction through every hop of a running pipeline. The
// hops of each reaction add up to its time from end to end, and so do the means.
func TestTrace(t *testing.T) {
	sideBySide(t)
	_, in := up(t)
	const n = 400
	args := []string{"consume", "--trace", "-o", "json", "-n", fmt.Sprint(n), "--brokers", strings.Join(in.brokers, ",")}
	if in.names.Prefix != "" {
		args = append(args, "--topic-prefix", in.names.Prefix)
	}
	p := start(t, args...)
	until(t, "the trace has begun", func() error {
		if !strings.Contains(p.logs.String(), "following the reactions") {
			return fmt.Errorf("it says %q", p.logs.String())
		}
		return nil
	})
	send := start(t, "send", "🔥", "🎉", "--count", fmt.Sprint(n/2), "--rate", "150", "--server", in.main[0])
	for range n {
		var r tracedReaction
		if line := p.line(); json.Unmarshal([]byte(line), &r) != nil || r.Trace != nil || r.Stuck || r.User == "" {
			t.Fatalf("it printed %s", line)
		}
		sum := 0.0
		for _, hop := range hops {
			ms, ok := r.Hops[hop]
			if !ok || ms < 0 && hop != "accepted" && hop != "in_log" {
				t.Errorf("no hop to %s: %v", hop, r.Hops)
			}
			sum += ms
		}
		if math.Abs(sum-r.Total) > 0.001 || len(r.Hops) != len(hops) {
			t.Errorf("hops of %v ms add up to no %v ms: %v", sum, r.Total, r.Hops)
		}
	}
	if <-send.done; send.cmd.ProcessState.ExitCode() != 0 {
		t.Errorf("send ended with %d", send.cmd.ProcessState.ExitCode())
	}
	var last tracedReaction
	if line := p.line(); json.Unmarshal([]byte(line), &last) != nil || last.Trace == nil {
		t.Fatalf("it ended with %s", line)
	}
	r := last.Trace
	if r.Done != n || r.Stuck != 0 || r.NotFollowed != 0 || r.EndToEnd.N != n || len(r.Hops) != len(hops) {
		t.Errorf("%+v", r)
	}
	sum := 0.0
	for i, h := range r.Hops {
		sum += h.Mean
		if h.To != hops[i] || h.N != n {
			t.Errorf("%d reactions have the hop to %s, want %d to %s", h.N, h.To, n, hops[i])
		}
	}
	if math.Abs(sum-r.EndToEnd.Mean) > 0.001 {
		t.Errorf("means of %v ms add up to no %v ms", sum, r.EndToEnd.Mean)
	}
	if <-p.done; p.cmd.ProcessState.ExitCode() != 0 {
		t.Errorf("it ended with %d", p.cmd.ProcessState.ExitCode())
	}
}
