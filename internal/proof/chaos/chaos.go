// Package chaos proves the promise by breaking everything else: what was
// acknowledged is counted exactly once, whichever process is killed, paused or
// restarted, whenever.
//
// It runs the program as an operator would, every stage twice, on brokers of its
// own, and lets a crowd tap while processes and brokers are killed, stopped in
// mid-work (and let go on as zombies, after others have taken over), and
// restarted. What happens when follows from a seed.
//
// The clients keep a ledger. Every tap has a user id of its own, so that not
// sums are compared but each single reaction: what was acknowledged must be in
// the log once, what is in doubt at most once, what was refused never. Package
// audit then compares the log with the counts, window by window; and what the
// subscriber servers' topics and two listeners have shown in the end must be the
// counts.
//
// The same pipeline is measured, too (Recover): for how long windows are late
// after each kind of disturbance.
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
	// Broker is what it runs on: Embedded or Kafka.
	Broker string
	// Dir is a folder for the logs and data of all processes.
	Dir string
	// Duration is how long faults happen; default 45 s.
	Duration time.Duration
	// Seed says which faults, together with Broker and Duration.
	Seed uint64
	// Rate of the crowd in taps a second; default 400.
	Rate int
	// Connections of the crowd; default 32.
	Connections int
	// LogLevel of the stages; default info.
	LogLevel string
	// Tell is told what happens, as Printf would be; default: nobody is. It may be
	// called by several goroutines at once.
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

// ErrWrong is that something was lost, doubled, or is not what it must be.
var ErrWrong = errors.New("the promise was broken")

// Times of a run, besides its faults.
const (
	after    = 3 * time.Second  // that the crowd goes on when all is well again
	patience = 60 * time.Second // until all that was acknowledged must be counted and shown
)

// Run lets faults happen for a while and returns what came of it. The error is
// ErrWrong if the promise was broken, and joins what else went wrong. When ctx ends the
// faults do, and what has happened by then is verified all the same.
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
	ledger     Ledger
	screens    []*screen

	mu       sync.Mutex
	failures []error // what happened that nobody wanted
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
	r.pipeline, err = startPipeline(faults, r.cfg, r.fail)
	defer func() { err = errors.Join(err, r.pipeline.stop()) }()
	if err != nil {
		return fmt.Errorf("start the pipeline: %w", err)
	}
	r.cfg.Tell("every stage runs twice on %s, after %.1f s", r.cfg.Broker, time.Since(began).Seconds())

	// The clients outlast the faults.
	ctx, cancel := context.WithCancel(context.WithoutCancel(faults))
	var listening sync.WaitGroup
	defer listening.Wait()
	defer cancel()
	for name, url := range r.pipeline.screens {
		s := &screen{name: name, url: url}
		r.screens = append(r.screens, s)
		listening.Go(func() {
			if err := s.run(ctx); err != nil {
				r.fail(err)
			}
		})
	}
	if err := r.suffer(ctx, faults); err != nil {
		return err
	}
	return r.verify(ctx)
}

// suffer lets the crowd tap while faults happen, and returns when it has had all
// its answers.
func (r *run) suffer(ctx, faults context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	crowd := crowd{servers: r.pipeline.servers, rate: r.cfg.Rate, connections: r.cfg.Connections, ledger: &r.ledger, failed: r.fail}
	var tapping sync.WaitGroup
	tapping.Go(func() { crowd.run(ctx) })
	defer tapping.Wait()
	defer cancel()
	if err := r.warmUp(faults); err != nil {
		return err
	}
	if err := r.inject(faults); err != nil {
		r.fail(err)
	}
	if err := errors.Join(r.pipeline.heal(ctx), r.pipeline.wait(ctx)); err != nil {
		r.fail(fmt.Errorf("the pipeline does not come back: %w", err))
		return nil
	}
	_ = sleep.For(ctx, after)
	return nil
}

// warmUp returns when every listener has been shown something: from then on it
// must be shown all.
func (r *run) warmUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, ready)
	defer cancel()
	for _, s := range r.screens {
		for !s.busy() {
			if sleep.For(ctx, 100*time.Millisecond) != nil {
				return fmt.Errorf("%s showed nothing: %w", s.name, context.Cause(ctx))
			}
		}
	}
	return nil
}

// inject lets the faults of the plan happen, and returns when their time is over
// and everything is running again.
func (r *run) inject(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Duration)
	defer cancel()
	targets, victims := r.pipeline.victims()
	i := &injector{
		plan: Plan(r.cfg.Seed, r.cfg.Duration, targets), victims: victims,
		tell: r.cfg.Tell, broker: r.pipeline.brokers.isBroker,
	}
	err := i.run(ctx)
	r.report.Stages, r.report.Brokers, r.report.Took = i.stages, i.brokers, time.Since(i.began)
	return err
}

// verify compares, and makes the stages say what they do if all is not well.
func (r *run) verify(ctx context.Context) error {
	r.cfg.Tell("the faults are over: comparing")
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	client, err := kafka.Open(kafka.Config{Brokers: r.pipeline.brokers.addrs})
	if err != nil {
		return err
	}
	defer client.Close()
	v := newVerifier(client, r.pipeline.topics, &r.ledger, r.screens)
	if r.report.Verdict, err = v.verify(ctx, patience); err != nil || len(r.report.Wrong) > 0 || r.failed() {
		r.pipeline.dump()
	}
	for _, l := range r.report.Latest {
		r.cfg.Tell("%v", l)
	}
	return err
}
