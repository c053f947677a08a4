package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/emostream/emostream/internal/broker"
)

// pipeline is everything that up runs: stages in the data's order, started together
// and stopped one after the other.
type pipeline struct {
	log       *slog.Logger
	broker    *broker.Broker // nil on a Kafka cluster
	main      *mainServer
	window    time.Duration
	claims    atomic.Int64 // partitions whose counting has begun
	addresses addresses
	metrics   prometheus.Gatherer // of all stages
	wasReady  atomic.Bool         // everything was ready once
	stages    []*runningStage
	failed    chan error // the first failure of a stage; buffered
	atClose   []func()
}

// running is a stage that is stopped by itself.
type runningStage struct {
	name string
	run  func(context.Context) error
	stop context.CancelFunc
	done chan struct{}

	stopping atomic.Bool // stop was called
	err      error       // why it ended; written before done is closed
}

// add appends a stage.
func (p *pipeline) addStage(name string, run func(context.Context) error) {
	p.stages = append(p.stages, &runningStage{name: name, run: run, done: make(chan struct{})})
}

// subscriber says whether a stage is a subscriber server.
func (p *pipeline) isSubscriber(stage string) bool {
	return slices.ContainsFunc(p.addresses.Subscribers, func(s subscriber) bool { return s.Name == stage })
}

// cleanup has f called by close.
func (p *pipeline) onClose(f func()) { p.atClose = append(p.atClose, f) }

// close undoes what build did, last things first.
func (p *pipeline) close() {
	for _, f := range slices.Backward(p.atClose) {
		f()
	}
	p.atClose = nil
}

// run starts every stage, calls ready when all are, and stops them in the data's
// order when ctx ends or one fails.
func (p *pipeline) run(ctx context.Context, ready func()) error {
	p.start(ctx)
	if err := p.waitReady(ctx); err == nil {
		ready()
		p.wait(ctx)
		p.log.Info("stopping")
	}
	return p.stop()
}

// start starts every stage, each with a context of its own.
func (p *pipeline) start(ctx context.Context) {
	for _, r := range p.stages {
		var own context.Context
		own, r.stop = context.WithCancel(context.WithoutCancel(ctx))
		go func() {
			defer close(r.done)
			if err := r.run(own); err != nil && !errors.Is(err, context.Canceled) {
				r.err = err
				select {
				case p.failed <- fmt.Errorf("%s: %w", r.name, err):
				default: // it is not the first
				}
			}
		}()
	}
}

// waitReady returns nil once reactions are taken in and every subscriber server
// has been announced, and an error when ctx ends or a stage fails before that.
func (p *pipeline) waitReady(ctx context.Context) error {
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for !p.ready(ctx) {
		select {
		case <-t.C:
		case <-ctx.Done():
			return ctx.Err()
		case err := <-p.failed:
			p.failed <- err
			return err
		}
	}
	p.wasReady.Store(true)
	return nil
}

func (p *pipeline) ready(ctx context.Context) bool {
	// On a cluster others may count; here nobody else does.
	if p.broker != nil && p.claims.Load() < p.partitions(ctx) {
		return false
	}
	for _, s := range p.addresses.Subscribers {
		if e, ok := p.main.servers.roster.Get(s.Name); !ok || e.URL != s.URL || !e.Alive(time.Now()) {
			return false
		}
	}
	return p.main.ready(ctx) == nil
}

// partitions is how many partitions aggregate has to claim.
func (p *pipeline) partitions(ctx context.Context) int64 {
	names := p.main.names()
	reactions, err1 := p.main.client.Partitions(ctx, names.Reactions())
	partials, err2 := p.main.client.Partitions(ctx, names.Partials())
	if errors.Join(err1, err2) != nil {
		return math.MaxInt64 // not yet
	}
	return int64(reactions + partials)
}

// wait returns when ctx ends or a stage fails.
func (p *pipeline) wait(ctx context.Context) {
	select {
	case <-ctx.Done():
	case err := <-p.failed:
		p.failed <- err
	}
}

// stop stops the stages in the data's order, each when the one before it is
// done, and returns the first failure. After the main server it waits for the
// window that the last reaction is in to go out.
func (p *pipeline) stop() error {
	for _, r := range p.stages {
		r.stopping.Store(true)
		r.stop()
		<-r.done
		if r.name == "serve" && len(p.failed) == 0 {
			p.waitForLastWindow()
		}
	}
	select {
	case err := <-p.failed:
		return err
	default:
		return nil
	}
}

// lastWindow waits until the window of the last reaction has been shown: at most
// its length and a second.
func (p *pipeline) waitForLastWindow() {
	last := p.main.ingest.LastAccepted()
	if last.IsZero() {
		return
	}
	shown := last.Truncate(p.window).Add(p.window + time.Second)
	t := time.NewTimer(time.Until(shown))
	defer t.Stop()
	select {
	case <-t.C:
	case err := <-p.failed:
		p.failed <- err
	}
}
