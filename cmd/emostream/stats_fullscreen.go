package main

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/inspect/stats"
	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/tui"
)

// runOnScreen shows reports on the full screen until the user ends it, and then prints
// the last one.
func (f *statsFlags) runOnScreen(ctx context.Context, io streams, cfg topicreader.Config, filter topicreader.Filter, view *statsView) error {
	return runFullscreen(ctx, io, func(ctx context.Context) error {
		var err error
		page, theme := &statsScreen{every: f.every, view: view}, themeFlags{theme: "auto"}
		title := "emostream stats on " + strings.Join(f.brokers, ",")
		shown := tui.ShowTextPage(ctx, title, theme.terminal(io.in, io.out), page.snapshot, func(ctx context.Context) {
			err = f.read(ctx, io, "stats", cfg, func(s *topicreader.Range) error {
				c := f.newCounter(s, filter)
				page.begin(c)
				return c.run(ctx)
			})
			if ctx.Err() != nil { // the user has ended it
				err = nil
			}
		})
		return errors.Join(shown, err, page.end())
	})
}

// statsScreen shows a statsView on the full screen. It owns the view.
type statsScreen struct {
	every time.Duration

	mu    sync.Mutex
	view  *statsView // has a counter only once the topic is read
	last  stats.Report
	taken time.Time
}

// begin makes the screen show what c counts.
func (p *statsScreen) begin(c *statsCounter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.view.counter = c
}

// snapshot returns the lines that the screen shows now. It makes a new report at
// intervals only.
func (p *statsScreen) snapshot() tui.TextLines {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.view.counter == nil {
		return func(int, int) []string { return []string{"", "looking at the topic"} }
	}
	if now := time.Now(); now.Sub(p.taken) >= p.every {
		p.last, p.taken = p.view.report(now), now
	}
	r, topic, chart := p.last, p.view.topic, p.view.chart
	return func(_, height int) []string { return statsLinesWithin(r, topic, true, chart, height) }
}

// end prints the last report, if there is one.
func (p *statsScreen) end() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.view.counter == nil {
		return nil
	}
	return p.view.show(time.Now())
}
