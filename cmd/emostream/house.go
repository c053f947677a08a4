package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/emostream/emostream/internal/broker"
)

// house is everything that up runs: stages in the data's order, started together
// and stopped one after the other.
type house struct {
	log       *slog.Logger
	broker    *broker.Broker // nil on a Kafka cluster
	main      *mainServer
	window    time.Duration
	addresses addresses
	stages    []*running
	failed    chan error // the first failure of a stage; buffered
	cleanups  []func()
}

// running is a stage that is stopped by itself.
type running struct {
	name string
	run  func(context.Context) error
	stop context.CancelFunc
	done chan struct{}
}

// add appends a stage.
func (h *house) add(name string, run func(context.Context) error) {
	h.stages = append(h.stages, &running{name: name, run: run, done: make(chan struct{})})
}

// cleanup has f called by close.
func (h *house) cleanup(f func()) { h.cleanups = append(h.cleanups, f) }

// close undoes what build did, last things first.
func (h *house) close() {
	for _, f := range slices.Backward(h.cleanups) {
		f()
	}
	h.cleanups = nil
}

// start starts every stage, each with a context of its own.
func (h *house) start(ctx context.Context) {
	for _, r := range h.stages {
		var own context.Context
		own, r.stop = context.WithCancel(context.WithoutCancel(ctx))
		go func() {
			defer close(r.done)
			if err := r.run(own); err != nil && !errors.Is(err, context.Canceled) {
				select {
				case h.failed <- fmt.Errorf("%s: %w", r.name, err):
				default: // it is not the first
				}
			}
		}()
	}
}

// waitReady returns nil once reactions are taken in and every subscriber server
// has been announced, and an error when ctx ends or a stage fails before that.
func (h *house) waitReady(ctx context.Context) error {
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for !h.ready(ctx) {
		select {
		case <-t.C:
		case <-ctx.Done():
			return ctx.Err()
		case err := <-h.failed:
			h.failed <- err
			return err
		}
	}
	return nil
}

func (h *house) ready(ctx context.Context) bool {
	for _, s := range h.addresses.Subscribers {
		if e, ok := h.main.servers.roster.Get(s.Name); !ok || e.URL != s.URL || !e.Alive(time.Now()) {
			return false
		}
	}
	return h.main.ready(ctx) == nil
}

// wait returns when ctx ends or a stage fails.
func (h *house) wait(ctx context.Context) {
	select {
	case <-ctx.Done():
	case err := <-h.failed:
		h.failed <- err
	}
}

// stop stops the stages in the data's order, each when the one before it is
// done, and returns the first failure. After the main server it waits for the
// window that the last reaction is in to go out.
func (h *house) stop() error {
	for _, r := range h.stages {
		r.stop()
		<-r.done
		if r.name == "serve" && len(h.failed) == 0 {
			h.lastWindow()
		}
	}
	select {
	case err := <-h.failed:
		return err
	default:
		return nil
	}
}

// lastWindow waits until the window of the last reaction has been shown: at most
// its length and a second.
func (h *house) lastWindow() {
	last := h.main.ingest.LastAccepted()
	if last.IsZero() {
		return
	}
	shown := last.Truncate(h.window).Add(h.window + time.Second)
	t := time.NewTimer(time.Until(shown))
	defer t.Stop()
	select {
	case <-t.C:
	case err := <-h.failed:
		h.failed <- err
	}
}
