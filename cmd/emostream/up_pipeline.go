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

// pipeline is all that up runs. Its stages are in the order in which reactions pass
// through them. They start together and stop one after the other.
type pipeline struct {
	log       *slog.Logger
	broker    *broker.Broker // nil with --brokers
	main      *mainServer
	window    time.Duration
	claims    atomic.Int64 // partitions that aggregate has claimed
	addresses addresses
	metrics   prometheus.Gatherer // the metrics of all stages
	wasReady  atomic.Bool         // all stages have been ready
	stages    []*runningStage
	failed    chan error // holds the first failure of a stage
	atClose   []func()
}

// runningStage is a stage with a context of its own, so that it can be stopped alone.
type runningStage struct {
	name string
	run  func(context.Context) error
	stop context.CancelFunc
	done chan struct{}

	stopping atomic.Bool // stop was called
	err      error       // why it ended; written before done is closed
}

// addStage appends a stage.
func (p *pipeline) addStage(name string, run func(context.Context) error) {
	p.stages = append(p.stages, &runningStage{name: name, run: run, done: make(chan struct{})})
}

// isSubscriber says whether a stage is a subscriber server.
func (p *pipeline) isSubscriber(stage string) bool {
	return slices.ContainsFunc(p.addresses.Subscribers, func(s subscriber) bool { return s.Name == stage })
}

// onClose lets close call f.
func (p *pipeline) onClose(f func()) { p.atClose = append(p.atClose, f) }

// close closes what was opened for the pipeline, the last first.
func (p *pipeline) close() {
	for _, f := range slices.Backward(p.atClose) {
		f()
	}
	p.atClose = nil
}

// run starts all stages and calls ready when all are ready. When ctx ends or a stage
// fails, it stops all stages and returns the first failure.
func (p *pipeline) run(ctx context.Context, ready func()) error {
	p.start(ctx)
	if err := p.waitReady(ctx, p.unready); err == nil {
		ready()
		p.wait(ctx)
		p.log.Info("stopping")
	}
	return p.stop()
}

// start starts all stages.
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
				default: // another stage has failed before
				}
			}
		}()
	}
}

// unreadyTold is after how long it is told why the pipeline is not ready, and how long after
// that again while the reason is another one.
const unreadyTold = 10 * time.Second

// waitReady returns nil once unready does. While it does not, the log says why. waitReady
// returns an error if ctx ends or a stage fails before that.
func (p *pipeline) waitReady(ctx context.Context, unready func(context.Context) error) error {
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	told, at := "", time.Now()
	for {
		why := unready(ctx)
		if why == nil {
			break
		}
		if time.Since(at) >= unreadyTold && why.Error() != told {
			told, at = why.Error(), time.Now()
			p.log.Warn("up is not ready yet", "reason", why)
		}
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

// unready returns why not all stages are ready: reactions are not taken in, or a subscriber
// server is not announced. It returns nil if they are.
func (p *pipeline) unready(ctx context.Context) error {
	// On a Kafka cluster other copies of aggregate may have claimed the partitions. On
	// the embedded broker there are none.
	if p.broker != nil && p.claims.Load() < p.partitions(ctx) {
		return errors.New("aggregate has not claimed its partitions yet")
	}
	for _, s := range p.addresses.Subscribers {
		if e, ok := p.main.servers.roster.Get(s.Name); !ok || e.URL != s.URL || !e.Alive(time.Now()) {
			return fmt.Errorf("%s has not announced itself yet", s.Name)
		}
	}
	_, err := p.main.ready(ctx)
	return err
}

// partitions returns how many partitions aggregate has to claim.
func (p *pipeline) partitions(ctx context.Context) int64 {
	names := p.main.names()
	reactions, err1 := p.main.client.Partitions(ctx, names.Reactions())
	partials, err2 := p.main.client.Partitions(ctx, names.Partials())
	if errors.Join(err1, err2) != nil {
		return math.MaxInt64 // more than can be claimed, so that the pipeline is not ready
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
