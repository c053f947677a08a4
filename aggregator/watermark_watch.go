package aggregator

import (
	"strconv"
	"time"

	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// watermarkWatch tells when the watermark of a partition is ahead of the clock. Then the
// partition's reactions are counted in windows whose time has not come, and are shown
// only then. The counting itself does not ask the clock.
type watermarkWatch struct {
	aggregator *Aggregator
	partition  string
	warned     time.Time
}

func (a *Aggregator) newWatermarkWatch(partition int) *watermarkWatch {
	return &watermarkWatch{aggregator: a, partition: strconv.Itoa(partition)}
}

// check compares the watermark of a state with the clock. It warns once a minute at most.
func (w *watermarkWatch) check(state windowing.State, now time.Time) {
	a, ahead, watermark := w.aggregator, time.Duration(0), state.Watermark
	if watermark != windowing.Never {
		ahead = max(0, time.UnixMilli(watermark).Sub(now))
	}
	a.metrics.ahead.WithLabelValues(w.partition).Set(ahead.Seconds())
	until, isAhead := a.windows.ShownFrom(state, now.UnixMilli())
	if isAhead && now.Sub(w.warned) >= time.Minute {
		w.warned = now
		a.cfg.Logger.Warn("the watermark of a partition is ahead of the clock, and its reactions are not shown before the clock has caught up",
			"partition", w.partition, "watermark", wire.Time(watermark), "ahead", ahead.Round(time.Second).String(), "until", wire.Time(until), "reset_with", "emostream topics reset-watermark")
	}
}

// forget removes the metric of a partition that is no longer claimed here.
func (w *watermarkWatch) forget() { w.aggregator.metrics.ahead.DeleteLabelValues(w.partition) }
