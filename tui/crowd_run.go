package tui

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
)

// ShowCrowd shows a crowd until somebody leaves or ctx ends, and returns what became
// of the taps. c is who takes part. The terminal is left as it was found, also after
// a panic, which goes on; it fails when the server turns out to be none that
// registers clients.
func ShowCrowd(ctx context.Context, cfg CrowdConfig, c client.Client, t Terminal) (TapQueue, error) {
	// What was tapped is sent also after ctx has ended: Leave waits for it.
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	renew := make(chan struct{}, 1)
	c.Renew = renew
	cfg.User = c.UserID
	cfg.Send = func(r []client.Reaction) ([]client.Result, error) { return c.Send(sending, r) }
	cfg.Status = func() (client.Status, error) { return c.Status(sending) }
	cfg.Reconnect = func() {
		select {
		case renew <- struct{}{}:
		default: // one is on its way already
		}
	}
	cfg.Appearance = t.Appearance
	model := NewCrowd(cfg)
	p := t.program(model, tea.WithFPS(60))

	var failed error
	var failure any
	var work sync.WaitGroup
	guard := func(run func()) func() {
		return func() {
			defer func() {
				if r := recover(); r != nil {
					failure = fmt.Sprintf("%v\n\n%s", r, debug.Stack())
					p.Quit()
				}
			}()
			run()
		}
	}
	box := newStreamBuffer()
	watching, unwatch := context.WithCancel(ctx)
	work.Go(guard(func() {
		if failed = watch(watching, &c, model.cfg.Channel, box); failed != nil {
			p.Quit()
		}
	}))
	work.Go(func() { box.run(watching, func(h StreamEvents) { p.Send(h) }) })
	defer context.AfterFunc(ctx, func() { p.Send(Leave{}) })()

	last, err := p.Run()
	unwatch()
	work.Wait()
	if failure != nil {
		panic(failure)
	}
	if failed == nil && err != nil {
		failed = fmt.Errorf("show the crowd: %w", err)
	}
	end, _ := last.(Crowd)
	return end.outbox, failed
}

// watch feeds the mailbox from the stream.
func watch(ctx context.Context, c *client.Client, channel string, box *streamBuffer) error {
	return c.Watch(ctx, channel,
		func(s wire.Swarm, _ []byte) error { box.addSwarm(s); return nil },
		func(s sse.State, at wire.Assignment) { box.addChange(ConnectionChange{time.Now(), s, at.ServerName}) })
}
