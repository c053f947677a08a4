package tui_test

import (
	"context"
	"strings"
	"testing"

	"github.com/emostream/emostream/tui"
)

// The pipeline is shown from its start until it has stopped; q stops it.
func TestShowDashboard(t *testing.T) {
	s := new(screen)
	terminal := s.terminal()
	terminal.In = strings.NewReader("q")
	stopped := false
	err := tui.ShowDashboard(t.Context(), terminal, fine, func(ctx context.Context) {
		drawing(s)(ctx)
		<-ctx.Done()
		stopped = true
	})
	if err != nil || !stopped {
		t.Errorf("got %v; the pipeline has stopped: %t", err, stopped)
	}
	leftAsFound(t, s)
}
