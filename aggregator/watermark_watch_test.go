package aggregator_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/emostream/emostream/internal/stream"
)

// When the watermark is ahead of the clock, a metric and the log tell it, and until when.
func TestWatermarkAheadIsTold(t *testing.T) {
	for name, tt := range map[string]struct {
		ahead   time.Duration
		metric  string
		warning string
	}{
		"as far as right clocks":      {5 * time.Second, "5", ""},
		"its window is not closed":    {12*time.Second - time.Millisecond, "11.999", ""},
		"its window is closed":        {12 * time.Second, "12", `partition=1 watermark=2000-01-01T00:00:12.000Z ahead=12s until=2000-01-01T00:00:04.000Z`},
		"a clock that is hours ahead": {3 * time.Hour, "10800", `partition=1 watermark=2000-01-01T03:00:00.000Z ahead=3h0m0s until=2000-01-01T02:59:52.000Z`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				p := newPipeline(t, slog.New(slog.NewTextHandler(&log, nil)))
				at := time.Now().Add(tt.ahead).UnixMilli()
				if err := p.reactions.Write(t.Context(), 1, []stream.Record{{Time: at, Value: value("🔥")}, {Time: at, Value: value("🔥")}}); err != nil {
					t.Fatal(err)
				}
				stop := p.start(t)
				synctest.Wait()
				const name = "emostream_aggregate_watermark_ahead_seconds"
				want := "# HELP " + name + " How far the watermark of a partition of emoji-topic is ahead of the clock; 0: not.\n# TYPE " + name + " gauge\n" +
					name + `{partition="0"} 0` + "\n" + name + `{partition="1"} ` + tt.metric + "\n"
				if err := testutil.GatherAndCompare(p.metrics, strings.NewReader(want), name); err != nil {
					t.Error(err)
				}
				stop()
				if tt.warning == "" && strings.Contains(log.String(), "ahead") || !strings.Contains(log.String(), tt.warning) {
					t.Errorf("the log says %s, want %q", log.String(), tt.warning)
				}
			})
		})
	}
}
