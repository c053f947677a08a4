// Package chaos proves that what was acknowledged is counted exactly once, whichever
// process is killed, paused or restarted at any moment.
//
// It runs the program as an operator would, with two copies of every stage, on brokers
// of its own. Clients send reactions while processes and brokers are killed, paused and
// restarted, and leaders of partitions are moved. Pauses can last until others have taken over, so that the paused process
// goes on as a zombie. A seed decides what happens when.
//
// Every reaction has a user id of its own, and its client notes the outcome. So each
// single reaction is checked, and not only sums. What was acknowledged must be in the
// log once, what is in doubt at most once, and what was refused never. Then package
// verify compares the log with the counts, window by window. In the end, the topics of
// the subscriber servers, and what two listeners were shown, must agree with the
// counts.
//
// Recover uses the same pipeline. It measures how late windows are after each kind of
// disturbance.
package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/sleep"
)

// Config says what runs for how long. Program, Broker and Dir must be set.
type Config struct {
	// Program is the path of emostream.
	Program string
	// Broker is what the pipeline runs on: Embedded or Kafka.
	Broker string
	// Dir is a folder for the logs and data of all processes.
	Dir string
	// Duration is how long faults happen; default 45 s.
	Duration time.Duration
	// Seed determines, together with Broker and Duration, which faults happen and when.
	Seed uint64
	// Rate is how many reactions the clients send in a second; default 400.
	Rate int
	// Connections is how many connections the clients have; default 32.
	Connections int
	// Keys says that the servers want tokens and tickets, whose keys are rotated while
	// faults happen.
	Keys bool
	// LogLevel is the log level of the stages; default info.
	LogLevel string
	// Tell is called with messages about the run, with the arguments of Printf. Several
	// goroutines may call it at once. Default: there are no messages.
	Tell func(format string, args ...any)
}

func (c Config) withDefaults() Config {
	if c.Duration == 0 {
		c.Duration = 45 * time.Second
	}
	if c.Rate == 0 {
		c.Rate = 400
	}
	if c.Connections == 0 {
		c.Connections = 32
	}
	if c.LogLevel == "" {
		c.LogLevel = "info"
	}
	if c.Tell == nil {
		c.Tell = func(string, ...any) {}
	}
	return c
}

// ErrWrong says that a reaction was lost or counted twice, or that something else is
// not as it must be.
var ErrWrong = errors.New("the promise was broken")

// Times of a run, apart from those of its faults.
const (
	loadAfterFaults = 3 * time.Second  // how long clients go on sending after everything runs again
	verifyTimeout   = 60 * time.Second // how long it may take until everything acknowledged is counted and shown
)

// Run causes faults for cfg.Duration and returns the result. The error wraps ErrWrong
// if anything is not as it must be, and joins whatever else failed. When ctx ends, no
// more faults happen, and what has been sent by then is verified all the same.
func Run(ctx context.Context, cfg Config) (Report, error) {
	cfg = cfg.withDefaults()
	r := &run{cfg: cfg, report: Report{Broker: cfg.Broker, Seed: cfg.Seed}}
	faults, stop := context.WithCancel(ctx)
	defer stop()
	r.stopFaults = stop
	err := r.run(faults)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	errs := append([]error{err}, r.failures...)
	if len(r.report.Wrong) > 0 {
		errs = append([]error{ErrWrong}, errs...)
	}
	return r.report, errors.Join(errs...)
}

// run is one run.
type run struct {
	cfg        Config
	report     Report
	stopFaults context.CancelFunc
	pipeline   *pipeline
	sent       SentReactions
	listeners  []*listener

	mu       sync.Mutex
	failures []error // errors that the planned faults do not explain
	over     bool
}

// fail notes a failure and ends the faults.
func (r *run) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	const most = 20
	if r.over || len(r.failures) == most {
		return
	}
	r.failures = append(r.failures, err)
	r.stopFaults()
}

func (r *run) failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.failures) > 0
}

func (r *run) run(faults context.Context) (err error) {
	began := time.Now()
	var k *keys
	if r.cfg.Keys {
		if k, err = newKeys(r.cfg.Dir); err != nil {
			return err
		}
	}
	r.pipeline, err = startPipeline(faults, r.cfg, k, r.fail)
	defer func() { err = errors.Join(err, r.pipeline.stop()) }()
	if err != nil {
		return fmt.Errorf("start the pipeline: %w", err)
	}
	r.cfg.Tell("every stage runs twice on %s, after %.1f s", r.cfg.Broker, time.Since(began).Seconds())

	// Clients and listeners go on after the faults.
	ctx, cancel := context.WithCancel(context.WithoutCancel(faults))
	var listening sync.WaitGroup
	defer listening.Wait()
	defer cancel()
	for name, url := range r.pipeline.subscribers {
		s := &listener{name: name, url: url, keys: k}
		r.listeners = append(r.listeners, s)
		listening.Go(func() {
			if err := s.run(ctx); err != nil {
				r.fail(err)
			}
		})
	}
	if err := r.injectUnderLoad(ctx, faults); err != nil {
		return err
	}
	return r.verify(ctx)
}

// injectUnderLoad causes faults while clients send. It returns when the clients have
// all their answers.
func (r *run) injectUnderLoad(ctx, faults context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	senders := clients{servers: r.pipeline.mainServers, rate: r.cfg.Rate, connections: r.cfg.Connections, sent: &r.sent, failed: r.fail, keys: r.pipeline.keys}
	var sending sync.WaitGroup
	sending.Go(func() { senders.run(ctx) })
	defer sending.Wait()
	defer cancel()
	if err := r.waitForListeners(faults); err != nil {
		return err
	}
	m := manager{program: r.cfg.Program, brokers: r.pipeline.brokers.addrs, mainServers: r.pipeline.mainServers}
	managing, stop := context.WithCancel(faults)
	var changing sync.WaitGroup
	changing.Go(func() { m.run(managing) })
	if r.pipeline.keys != nil {
		changing.Go(func() {
			if err := r.pipeline.keys.run(managing); err != nil {
				r.fail(fmt.Errorf("rotate the keys: %w", err))
			}
		})
	}
	if err := r.inject(faults); err != nil {
		r.fail(err)
	}
	stop()
	changing.Wait()
	r.report.Changes = m.made
	if err := errors.Join(r.pipeline.startMissing(ctx), r.pipeline.waitReady(ctx)); err != nil {
		r.fail(fmt.Errorf("the pipeline does not come back: %w", err))
		return nil
	}
	if err := m.finish(ctx); err != nil {
		r.fail(fmt.Errorf("what a manager sets is not in force: %w", err))
	}
	if k := r.pipeline.keys; k != nil {
		r.report.Rotations = k.rotations
		if err := k.finish(ctx, r.pipeline.mainServers); err != nil {
			r.fail(err)
		}
	}
	_ = sleep.For(ctx, loadAfterFaults)
	return nil
}

// waitForListeners returns when every listener has been shown reactions. From then on
// every listener must be shown all of them.
func (r *run) waitForListeners(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for _, s := range r.listeners {
		for !s.hasShown() {
			if sleep.For(ctx, 100*time.Millisecond) != nil {
				return fmt.Errorf("%s showed nothing: %w", s.name, context.Cause(ctx))
			}
		}
	}
	return nil
}

// inject causes the faults of the plan. It returns when cfg.Duration is over and
// everything is running again.
func (r *run) inject(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Duration)
	defer cancel()
	targets, victims := r.pipeline.victims()
	i := &injector{
		plan: Plan(r.cfg.Seed, r.cfg.Duration, targets), victims: victims,
		tell: r.cfg.Tell, isBroker: r.pipeline.brokers.isBroker,
	}
	err := i.run(ctx)
	r.report.Stages, r.report.Brokers, r.report.Took = i.stages, i.brokers, time.Since(i.began)
	return err
}

// verify compares. If anything is wrong, it makes the stages write their goroutines
// into their logs.
func (r *run) verify(ctx context.Context) error {
	r.cfg.Tell("the faults are over: comparing")
	ctx, cancel := context.WithTimeout(ctx, 2*verifyTimeout)
	defer cancel()
	client, err := kafka.Open(kafka.Config{Brokers: r.pipeline.brokers.addrs})
	if err != nil {
		return err
	}
	defer client.Close()
	v := newVerifier(client, r.pipeline.topics, &r.sent, r.listeners)
	if r.report.Verdict, err = v.verify(ctx, verifyTimeout); err != nil || len(r.report.Wrong) > 0 || r.failed() {
		r.pipeline.dump()
	}
	for _, l := range r.report.Latest {
		r.cfg.Tell("%v", l)
	}
	return err
}
