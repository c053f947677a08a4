package loadgen_test

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/loadgen"
)

// startIdle starts a process that does nothing until end is called.
func startIdle(t *testing.T) (pid int, end func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end = func() {
		_ = in.Close()
		_ = cmd.Wait()
	}
	t.Cleanup(end)
	return cmd.Process.Pid, end
}

// The report says what a process of the target spent while all was sent, and which one
// ended meanwhile.
func TestRunMeasuresTheTarget(t *testing.T) {
	t.Parallel()
	stays, _ := startIdle(t)
	ends, end := startIdle(t)
	events := make(chan struct{}, 100)
	posts := func(n int64, _ http.ResponseWriter, _ *http.Request) {
		if n == 20 {
			end()
		}
		events <- struct{}{}
	}
	stream := func(_ int64, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		for {
			select {
			case <-events:
				_, _ = io.WriteString(w, "data: x\n\n")
				_ = http.NewResponseController(w).Flush()
			case <-r.Context().Done():
				return
			}
		}
	}
	r, err := loadgen.Run(t.Context(), loadgen.Config{
		Publish: &loadgen.Publish{PostURL: serve(t, posts), StreamURLs: []string{serve(t, stream)}}, Rate: 40, Duration: time.Second, Listeners: 1,
		BalanceTimeout: time.Millisecond, WatchPIDs: []int{stays, ends},
	})
	if err != nil {
		t.Fatal(err)
	}
	u := r.TargetUsage
	if u == nil {
		t.Fatalf("nothing was measured: %v", r.Notes)
	}
	if u.Requests != 40 || u.Deliveries < 1 || u.Deliveries > 40 || u.DurationMS < 1000 {
		t.Errorf("%d requests and %d deliveries in %v ms", u.Requests, u.Deliveries, u.DurationMS)
	}
	if u.MemoryBegin == nil || u.MemoryMax == nil || *u.MemoryMax < *u.MemoryBegin || u.PSSEnd == nil || u.DescriptorsMax == nil || *u.DescriptorsMax < 6 {
		t.Errorf("not all is measured: %+v", u)
	}
	for _, p := range u.Processes {
		if p.Command != "cat" || p.Ended != (p.PID == ends) {
			t.Errorf("a process of the target: %+v", p)
		}
	}
	if notes := strings.Join(r.Notes, "\n"); len(u.Processes) != 2 || !strings.Contains(notes, "ended during the run") {
		t.Errorf("%d processes were measured, and the notes say %q", len(u.Processes), notes)
	}
}

// A process that is not there is told before anything is sent.
func TestRunWithoutTheWatched(t *testing.T) {
	t.Parallel()
	sent := false
	url := serve(t, func(int64, http.ResponseWriter, *http.Request) { sent = true })
	for _, cfg := range []loadgen.Config{{WatchPIDs: []int{os.Getpid()}}, {WatchCommands: []string{"no-such-command"}}} {
		cfg.Publish = &loadgen.Publish{PostURL: url}
		if _, err := loadgen.Run(t.Context(), cfg); err == nil || sent {
			t.Errorf("it ran, and measured nothing of %v%v", cfg.WatchPIDs, cfg.WatchCommands)
		}
	}
}
