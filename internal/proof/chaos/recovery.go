package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/sleep"
)

// disturbance is something that happens to the copies of aggregate. There are two
// copies before it and after it.
type disturbance struct {
	name   string
	target time.Duration // how late a window may be; 0: no target
	watch  time.Duration // how long the windows after it are measured
	begin  step
	// undo makes the copies two again.
	undo step
}

// step does something to copies of aggregate.
type step func(context.Context, *recovery) error

// disturbances returns what is measured. One of them uses five copies, which are more
// than emoji-topic has partitions.
func disturbances() []disturbance {
	const short, long = 8 * time.Second, 16 * time.Second
	nothing := func(context.Context, *recovery) error { return nil }
	start := func(which ...int) step {
		return func(ctx context.Context, r *recovery) error {
			return r.all(which, func(s *stage) error { return s.start(ctx) })
		}
	}
	stop := func(which ...int) step {
		return func(_ context.Context, r *recovery) error { return r.all(which, (*stage).stop) }
	}
	kill := func(which ...int) step {
		return func(_ context.Context, r *recovery) error { return r.all(which, (*stage).kill) }
	}
	return []disturbance{
		{"nothing happens", 0, short, nothing, nothing},
		{"one of two is killed", 12 * time.Second, long, kill(0), start(0)},
		{"one of two is killed and started again at once", 12 * time.Second, long, func(ctx context.Context, r *recovery) error {
			return errors.Join(kill(0)(ctx, r), start(0)(ctx, r))
		}, nothing},
		{"one of two is stopped", 2 * time.Second, short, stop(0), start(0)},
		{"both are restarted, one after the other", 2 * time.Second, short, func(ctx context.Context, r *recovery) error {
			err := errors.Join(stop(0)(ctx, r), start(0)(ctx, r))
			_ = sleep.For(ctx, 3*time.Second)
			r.align(ctx)
			return errors.Join(err, stop(1)(ctx, r), start(1)(ctx, r))
		}, nothing},
		{"a third one joins", 2 * time.Second, short, start(2), stop(2)},
		{"three more join, five on four partitions", 2 * time.Second, short, start(2, 3, 4), nothing},
		{"four of five are stopped, one is left", 2 * time.Second, short, stop(1, 2, 3, 4), nothing},
		{"a second one joins", 2 * time.Second, short, start(1), nothing},
		{"a broker is killed and started again at once", 0, long, func(ctx context.Context, r *recovery) error {
			names := r.pipeline.brokers.target.Names
			return r.pipeline.brokers.victim.inject(ctx, Fault{Target: names[r.repetition%len(names)], Kind: Kill})
		}, nothing},
	}
}

// recovery is one series of measurements.
type recovery struct {
	cfg      Config
	pipeline *pipeline
	copies   []*stage // of aggregate

	repetition int
}

// Measured says how late windows were after each disturbance.
type Measured struct {
	Broker string
	Rows   []Row
}

// Row is one disturbance, with how late the latest window was in each repetition.
type Row struct {
	Name   string
	Target time.Duration // 0: no target
	Late   []time.Duration
}

// String returns a table in Markdown.
func (m Measured) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| aggregate on %s | target | a window was late by at most |\n|---|---|---|\n", m.Broker)
	for _, r := range m.Rows {
		target := ""
		if r.Target > 0 {
			target = fmt.Sprintf("%.0f s", r.Target.Seconds())
		}
		late := make([]string, len(r.Late))
		for i, d := range r.Late {
			late[i] = fmt.Sprintf("%.2f s", d.Seconds())
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", r.Name, target, strings.Join(late, ", "))
	}
	return b.String()
}

// Recover measures how late windows are when copies of aggregate come and go while
// clients send. A disturbance delays a window the most if a copy stands still when the
// window ends. That may be some time after the disturbance begins. So each disturbance
// begins shortly before a window ends, a little earlier in each repetition. Recover
// also verifies that all reactions were counted.
func Recover(ctx context.Context, cfg Config, repetitions int) (Measured, error) {
	cfg = cfg.withDefaults()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p, err := startPipeline(ctx, cfg, nil, func(err error) { cancel(err) })
	if err == nil {
		r := &recovery{cfg: cfg, pipeline: p}
		var m Measured
		m, err = r.measure(ctx, repetitions)
		return m, errors.Join(err, p.stop())
	}
	return Measured{}, errors.Join(fmt.Errorf("start the pipeline: %w", err), p.stop())
}

// phase is the time in which the windows after a disturbance were measured.
type phase struct {
	row         int
	began, over time.Time
}

func (r *recovery) measure(ctx context.Context, repetitions int) (Measured, error) {
	for _, s := range r.pipeline.stages {
		if strings.HasPrefix(s.name, "aggregate") {
			r.copies = append(r.copies, s)
		}
	}
	for n := range 3 {
		r.copies = append(r.copies, r.pipeline.add(fmt.Sprintf("aggregate-%d", n+3), "aggregate"))
	}
	var sent SentReactions
	phases, err := r.disturb(ctx, &sent, repetitions)
	if err != nil {
		return Measured{}, err
	}
	client, err := kafka.Open(kafka.Config{Brokers: r.pipeline.brokers.addrs})
	if err != nil {
		return Measured{}, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*verifyTimeout)
	defer cancel()
	v := newVerifier(client, r.pipeline.topics, &sent, nil)
	verdict, err := v.verify(ctx, verifyTimeout)
	if err == nil && len(verdict.Wrong) > 0 {
		err = fmt.Errorf("%w: %s", ErrWrong, strings.Join(verdict.Wrong, "\n"))
	}
	m := Measured{Broker: r.cfg.Broker}
	for _, d := range disturbances() {
		m.Rows = append(m.Rows, Row{Name: d.name, Target: d.target})
	}
	for _, p := range phases {
		if late := v.counted.Late(p.began.UnixMilli(), p.over.UnixMilli()); len(late) > 0 {
			m.Rows[p.row].Late = append(m.Rows[p.row].Late, late[0].By)
		}
	}
	return m, err
}

// disturb causes all disturbances while clients send.
func (r *recovery) disturb(ctx context.Context, sent *SentReactions, repetitions int) (phases []phase, err error) {
	sendCtx, cancel := context.WithCancel(ctx)
	var failed error
	var once sync.Once
	senders := clients{servers: r.pipeline.mainServers, rate: r.cfg.Rate, connections: r.cfg.Connections, sent: sent, failed: func(err error) {
		once.Do(func() { failed = err })
		cancel()
	}}
	var sending sync.WaitGroup
	sending.Go(func() { senders.run(sendCtx) })
	for r.repetition = range repetitions {
		for i, d := range disturbances() {
			if sendCtx.Err() != nil || err != nil {
				break
			}
			var p phase
			p, err = r.one(ctx, d)
			p.row = i
			phases = append(phases, p)
		}
	}
	err = errors.Join(err, context.Cause(ctx))
	cancel()
	sending.Wait()
	return phases, errors.Join(err, failed)
}

// restDuration is how long nothing happens between two disturbances.
const restDuration = 3 * time.Second

// one measures one disturbance.
func (r *recovery) one(ctx context.Context, d disturbance) (phase, error) {
	_ = sleep.For(ctx, restDuration)
	r.align(ctx)
	p := phase{began: time.Now()}
	err := d.begin(ctx, r)
	r.cfg.Tell("%s (it took %.1f s)", d.name, time.Since(p.began).Seconds())
	_ = sleep.For(ctx, d.watch)
	p.over = time.Now()
	_ = sleep.For(ctx, restDuration) // so that windows that are still late are not measured with the next disturbance
	return p, errors.Join(err, d.undo(ctx, r))
}

// align waits until 50 ms before a window ends in the first repetition, and 250 ms
// earlier in each further one. After five repetitions it begins again with 50 ms.
func (r *recovery) align(ctx context.Context) {
	const window, minBefore, step = 2 * time.Second, 50 * time.Millisecond, 250 * time.Millisecond
	before := minBefore + time.Duration(r.repetition%5)*step
	next := time.Now().Add(before).Truncate(window).Add(window)
	_ = sleep.Until(ctx, next.Add(-before))
}

// all calls do for several copies at once.
func (r *recovery) all(which []int, do func(*stage) error) error {
	errs := make([]error, len(r.copies))
	var working sync.WaitGroup
	for i, s := range r.copies {
		if slices.Contains(which, i) {
			working.Go(func() { errs[i] = do(s) })
		}
	}
	working.Wait()
	return errors.Join(errs...)
}
