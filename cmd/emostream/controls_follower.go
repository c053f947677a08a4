package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/passedover"
	"github.com/emostream/emostream/internal/sleep"
)

// controlsFollower keeps a table up to date with what managers have set. Without the topic,
// or without the right to read it, as an older installation may be, a stage goes on as if
// nothing was set, says so, and tries again.
type controlsFollower struct {
	client *kafka.Client
	topic  kafka.Topic
	over   *passedover.Reporter
	log    *slog.Logger
	table  *controls.Table
	editor *controls.Editor

	once     sync.Once
	known    chan struct{} // closed once all that was there at the start has been read, or cannot be
	followed atomic.Bool   // it is being followed now
}

// newControlsFollower returns a follower for a stage, such as serve.
func newControlsFollower(s stage, of string, over *passedover.Reporter) *controlsFollower {
	table := &controls.Table{}
	f := &controlsFollower{client: s.client, topic: s.layout().ControlsTopic(), over: over, log: s.log, table: table, known: make(chan struct{})}
	f.editor = &controls.Editor{Table: table, Topic: s.client.Writer(f.topic.Name)}
	metrics := promauto.With(s.metrics)
	for _, kind := range []controls.Kind{controls.Channel, controls.User, controls.Emoji} {
		metrics.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "emostream_" + of + "_controls", Help: "Channels, users and emojis for which something is set by emostream control.",
			ConstLabels: prometheus.Labels{"kind": string(kind)},
		}, func() float64 { return float64(table.Size(kind)) })
	}
	metrics.NewGaugeFunc(prometheus.GaugeOpts{Name: "emostream_" + of + "_controls_followed", Help: "1 while what is set by emostream control is followed, else 0."}, func() float64 {
		if f.followed.Load() {
			return 1
		}
		return 0
	})
	return f
}

// unread returns why it is not known yet what is in force; nil: it is, or cannot be known.
func (f *controlsFollower) unread() error {
	select {
	case <-f.known:
		return nil
	default:
		return fmt.Errorf("%s has not been read yet: what is set in it is not known", f.topic.Name)
	}
}

// unfollowed returns why it is not known what is in force; nil: it is.
func (f *controlsFollower) unfollowed() error {
	if f.followed.Load() {
		return nil
	}
	return fmt.Errorf("%s cannot be read now, the log of this server says why", f.topic.Name)
}

// waitRead returns nil once it is known what is in force, or cannot be known, or an error
// when ctx ends.
func (f *controlsFollower) waitRead(ctx context.Context) error {
	select {
	case <-f.known:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Times of a follower that cannot follow.
const (
	controlsRetry = 10 * time.Second // until it tries again
	controlsWarn  = 10 * time.Minute // between two lines about it
)

// run follows the topic until ctx ends.
func (f *controlsFollower) run(ctx context.Context) error {
	var warned time.Time
	for {
		err := f.follow(ctx, !warned.IsZero())
		f.followed.Store(false)
		if errors.Is(err, controls.ErrAway) {
			continue // at once, from the start of the topic
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was stopped
		}
		f.once.Do(func() { close(f.known) })
		if time.Since(warned) >= controlsWarn {
			warned = time.Now()
			f.log.Warn("what is set by emostream control is not followed", "topic", f.topic.Name, "error", err)
		}
		if sleep.For(ctx, controlsRetry) != nil {
			return nil //nolint:nilerr // it was stopped
		}
	}
}

// follow follows the topic until ctx ends or that cannot go on. missed is set if it could
// not be followed before.
func (f *controlsFollower) follow(ctx context.Context, missed bool) error {
	if err := ensureTopics(ctx, f.client, f.log, f.topic); err != nil {
		return err
	}
	start, end, err := f.client.Offsets(ctx, f.topic.Name, 0)
	if err != nil {
		return err
	}
	following, stop := context.WithCancel(ctx)
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		_ = kafka.NewTopicKeeper(f.client, f.topic).Run(following) // it ends only when it is stopped
	}()
	defer func() { stop(); <-kept }()
	return f.table.Follow(ctx, f.client.Reader(f.topic.Name, 0), start, end, f.topic.Name, f.over, func() {
		if missed {
			f.log.Info("what is set by emostream control is followed", "topic", f.topic.Name)
		}
		f.once.Do(func() { close(f.known) })
		f.followed.Store(true)
	})
}

// Times of sweeping.
const (
	sweepInterval = 30 * time.Second
	sweepAfter    = time.Minute // how long the time of what is swept must be over
)

// sweep ends in the topic what is over, until ctx ends. clockAhead returns how far this
// machine's clock is ahead of the brokers'. Of several servers mostly one does it, since
// each waits a while of its own.
func (f *controlsFollower) sweep(ctx context.Context, clockAhead func() time.Duration) error {
	for sleep.For(ctx, sweepInterval/2+rand.N(sweepInterval)) == nil {
		if !f.followed.Load() {
			continue
		}
		bounded, cancel := context.WithTimeout(ctx, sweepInterval)
		n, err := f.editor.Sweep(bounded, time.Now().Add(-clockAhead()-sweepAfter))
		cancel()
		switch {
		case err != nil && kafka.Permanent(err) && !errors.Is(err, context.DeadlineExceeded):
			f.log.Debug("what is over is not removed from the controls", "error", err)
		case err == nil && n > 0:
			f.log.Debug("what is over was removed from the controls", "controls", n)
		}
	}
	return nil
}
