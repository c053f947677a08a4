package tui

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
)

// ShowCrowd runs a Crowd until the user leaves or ctx ends, and returns the taps and
// their outcomes. c is the client that takes part. The terminal is restored, also after
// a panic, which then continues. ShowCrowd returns an error if the server does not
// register clients.
func ShowCrowd(ctx context.Context, cfg CrowdConfig, c client.Client, t Terminal) (TapQueue, error) {
	// Taps are sent also after ctx has ended; Leave waits for their outcomes.
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	renew := make(chan struct{}, 1)
	buffer := newStreamBuffer()
	c.Renew, c.OnChannel = renew, buffer.setChannel
	cfg.User = c.UserID
	cfg.Send = func(r []client.Reaction) ([]client.Result, error) { return c.Send(sending, r) }
	cfg.Status = func() (client.Status, error) { return c.Status(sending) }
	channel := cmp.Or(cfg.Channel, wire.MainChannel)
	cfg.Settings = func() (client.Settings, error) { return c.Settings(sending, channel) }
	cfg.Reconnect = func() {
		select {
		case renew <- struct{}{}:
		default: // a value is waiting already
		}
	}
	cfg.Appearance = t.Appearance
	model := NewCrowd(cfg)
	p := t.program(model, tea.WithFPS(60))

	var failed error
	var failure any
	var work sync.WaitGroup
	watching, unwatch := context.WithCancel(ctx)
	work.Go(func() {
		failure = panicOf(func() { failed = watch(watching, &c, model.cfg.Channel, buffer) })
		if failed != nil || failure != nil {
			p.Quit()
		}
	})
	work.Go(func() { buffer.run(watching, func(h StreamEvents) { p.Send(h) }) })
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
	return end.taps, failed
}

// watch puts the events of the stream into buffer.
func watch(ctx context.Context, c *client.Client, channel string, buffer *streamBuffer) error {
	return c.Watch(ctx, channel,
		func(s wire.Swarm, _ []byte) error { buffer.addSwarm(s); return nil },
		func(s sse.State, at wire.Assignment) {
			buffer.addChange(ConnectionChange{time.Now(), s, at.ServerName})
		})
}
