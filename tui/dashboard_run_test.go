package tui_test

import (
	"context"
	"strings"
	"testing"

	"github.com/emostream/emostream/tui"
)

// The pipeline is shown from its start until it has stopped; q stops it.
func TestShowDashboard(t *testing.T) {
	s := new(fakeTerminal)
	terminal := s.terminal()
	terminal.In = strings.NewReader("q")
	stopped := false
	err := tui.ShowDashboard(t.Context(), terminal, healthyPipeline, func(ctx context.Context) {
		untilDrawn(s)(ctx)
		<-ctx.Done()
		stopped = true
	})
	if err != nil || !stopped {
		t.Errorf("got %v; the pipeline has stopped: %t", err, stopped)
	}
	checkRestored(t, s)
}
