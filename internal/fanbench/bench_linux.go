package fanbench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Config says what is measured, and how much of it.
type Config struct {
	Program string   // path of emostream
	Nginx   string   // path of nginx
	Crowd   []string // command that calls Perform; it is given -url, -listeners, -passing and -silent
	Dir     string   // for logs and configurations
	Stderr  *os.File // of the crowds
	Tell    func(format string, args ...any)

	Connections int           // default 8,000
	Many        int           // connections where some come and leave; default 15,000
	Passing     int           // that do so a second; default 500
	Hold        time.Duration // for how long; default 1 min
	Silent      int           // listeners that never read; default 100
	Events      int           // in each round; default 20
	Interval    time.Duration // between two events; default 1 s
	Rounds      int           // of each server, in turn; default 3
	Workers     int           // of nginx; default 2
	Profile     string        // file for a profile of ours in the last round; empty: none
}

func (c Config) withDefaults() Config {
	c.Connections = cmp.Or(c.Connections, 8000)
	c.Many = cmp.Or(c.Many, 15_000)
	c.Passing = cmp.Or(c.Passing, 500)
	c.Hold = cmp.Or(c.Hold, time.Minute)
	c.Silent = cmp.Or(c.Silent, 100)
	c.Events = cmp.Or(c.Events, 20)
	c.Interval = cmp.Or(c.Interval, time.Second)
	c.Rounds = cmp.Or(c.Rounds, 3)
	c.Workers = cmp.Or(c.Workers, 2)
	if c.Tell == nil {
		c.Tell = func(string, ...any) {}
	}
	return c
}

// bench is a run.
type bench struct {
	Config
	report Report
}

// Run measures everything, one thing after the other.
func Run(ctx context.Context, cfg Config) (Report, error) {
	b := &bench{Config: cfg.withDefaults()}
	for _, part := range []func(context.Context) error{b.compare, b.passing, b.cut, b.profile} {
		if err := part(ctx); err != nil {
			return b.report, err
		}
	}
	return b.report, nil
}

// compare measures ours, nchan, and ours with listeners that never read, in turn,
// so that what else the machine does hits all alike.
func (b *bench) compare(ctx context.Context) error {
	var us, them []measured
	var among []mixed
	for i := range b.Rounds {
		b.Tell("round %d of %d: %d connections, %d events", i+1, b.Rounds, b.Connections, b.Events)
		m, err := b.ours(ctx)
		if err != nil {
			return fmt.Errorf("ours: %w", err)
		}
		us = append(us, b.told("ours", m))
		if m, err = b.nchan(ctx); err != nil {
			return fmt.Errorf("nchan: %w", err)
		}
		them = append(them, b.told("nchan", m))
		s, err := b.silent(ctx)
		if err != nil {
			return fmt.Errorf("ours, among listeners that never read: %w", err)
		}
		b.told(fmt.Sprintf("ours, among %d that never read", b.Silent), s.measured)
		among = append(among, s)
	}
	b.report.compare(b.Config, us, them)
	b.report.silent(b.Config, us, among)
	return nil
}

func (b *bench) told(who string, m measured) measured {
	b.Tell("%s: %s of processor a delivery (the crowd: %s), %s a connection, p50 %s, p99 %s, max %s, %d deliveries, %d missed",
		who, micro(m.cpu), micro(m.own), kib(m.pss/int64(b.Connections)), milli(m.P50), milli(m.P99), milli(m.Max), m.Deliveries, m.Missed)
	return m
}

func (b *bench) ours(ctx context.Context) (m measured, err error) {
	o, err := b.startOurs(ctx)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, o.Stop()) }()
	return b.listen(ctx, o)
}

func (b *bench) nchan(ctx context.Context) (m measured, err error) {
	n, err := b.startNchan(ctx)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, n.Stop()) }()
	return b.listen(ctx, n)
}

func (b *bench) listen(ctx context.Context, t target) (m measured, err error) {
	s, err := b.open(ctx, t)
	if err != nil {
		return m, err
	}
	return b.perform(ctx, s, Crowd{Listeners: b.Connections})
}

// mixed is what a round has found in which some listeners never read.
type mixed struct {
	measured
	kept    int           // of those who never read, in the end
	noticed time.Duration // that all others had left
}

// silent is a round with listeners that never read. They are sent what fills all
// buffers before the others come, and the server's patience with them ends while
// those are measured.
func (b *bench) silent(ctx context.Context) (m mixed, err error) {
	coming := time.Duration(b.Connections) * time.Second / pace
	most := coming + time.Duration(b.Events)*b.Interval/2 + 2*b.Interval
	o, err := b.startOurs(ctx, "--stall-timeout", most.Round(100*time.Millisecond).String())
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, o.Stop()) }()
	s, err := b.open(ctx, o)
	if err != nil {
		return m, err
	}
	a, err := b.gather(ctx, o, Crowd{Silent: b.Silent})
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, a.dismiss()) }()
	for range 40 {
		if err := errors.Join(s.publish(ctx, 128), rest(ctx, 20*time.Millisecond)); err != nil {
			return m, err
		}
	}
	if m.measured, err = b.perform(ctx, s, Crowd{Listeners: b.Connections}); err != nil {
		return m, err
	}
	m.kept, m.noticed, err = o.emptied(ctx)
	return m, err
}

// passing lets some come and leave all the time, and counts what those miss who
// stay.
func (b *bench) passing(ctx context.Context) (err error) {
	b.Tell("%d connections for %v, %d a second of which leave and come", b.Many, b.Hold, b.Passing)
	o, err := b.startOurs(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Stop()) }()
	s, err := b.open(ctx, o)
	if err != nil {
		return err
	}
	passing := b.Passing * int(stay/time.Second)
	a, err := b.gather(ctx, o, Crowd{Listeners: b.Many - passing, Passing: passing})
	if err != nil {
		return err
	}
	heard, err := a.leave(s.play(ctx, int(b.Hold/b.Interval), b.Interval))
	if err != nil {
		return err
	}
	b.Tell("%d deliveries, p50 %s, p99 %s, max %s, %d connections opened", heard.Deliveries, milli(heard.P50), milli(heard.P99), milli(heard.Max), heard.Opened)
	b.report.passing(b.Config, heard)
	return nil
}

// cut kills the server while all listen, starts it again, and sees when all are
// served again. Events go on meanwhile.
func (b *bench) cut(ctx context.Context) (err error) {
	b.Tell("%d connections, and the server is killed", b.Connections)
	o, err := b.startOurs(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Stop()) }()
	s, err := b.open(ctx, o)
	if err != nil {
		return err
	}
	a, err := b.gather(ctx, o, Crowd{Listeners: b.Connections})
	if err != nil {
		return err
	}
	var killed time.Time
	var enough atomic.Bool
	g, both := errgroup.WithContext(ctx)
	g.Go(func() error {
		for !enough.Load() {
			if err := errors.Join(s.publish(both, usual), rest(both, b.Interval)); err != nil {
				return err
			}
		}
		return rest(both, time.Second)
	})
	g.Go(func() (err error) {
		defer enough.Store(true)
		if err = rest(both, 3*b.Interval); err != nil {
			return err
		}
		if killed, err = o.Restart(both); err != nil {
			return err
		}
		if err = a.await(both, 3*comeback); err != nil {
			b.Tell("%v", err) // which is a finding
		}
		return rest(both, 3*b.Interval)
	})
	heard, err := a.leave(g.Wait())
	if err != nil {
		return err
	}
	b.report.cut(b.Config, heard, killed)
	return nil
}

// profile writes where our processor time goes while windows are sent.
func (b *bench) profile(ctx context.Context) (err error) {
	if b.Profile == "" {
		return nil
	}
	o, err := b.startOurs(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Stop()) }()
	s, err := b.open(ctx, o)
	if err != nil {
		return err
	}
	a, err := b.gather(ctx, o, Crowd{Listeners: b.Connections})
	if err != nil {
		return err
	}
	g, both := errgroup.WithContext(ctx)
	g.Go(func() error { return s.play(both, b.Events, b.Interval) })
	g.Go(func() error {
		return o.Profile(both, min(30, max(1, int(time.Duration(b.Events)*b.Interval/time.Second))), b.Profile)
	})
	_, err = a.leave(g.Wait())
	return err
}
