package fanbench

import (
	"context"
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// target is a server under measurement.
type target interface {
	URL() string // of the stream
	Publish(ctx context.Context, s wire.Swarm) error
	Processes() ([]int, error)
}

// show is a server with one event to show, and what it uses without listeners.
type show struct {
	target
	pids     []int
	empty    usage
	sequence int64 // of the last event
}

// open publishes an event, so that whoever comes is given something.
func (b *bench) open(ctx context.Context, t target) (*show, error) {
	pids, err := t.Processes()
	if err != nil {
		return nil, err
	}
	s := &show{target: t, pids: pids}
	if err := s.publish(ctx, usual); err != nil {
		return nil, err
	}
	if err := rest(ctx, b.Interval); err != nil {
		return nil, err
	}
	s.empty, err = measure(pids)
	return s, err
}

// usual is how many emojis make an event of about 260 bytes.
const usual = 1

// publish publishes the next event.
func (s *show) publish(ctx context.Context, emojis int) error {
	s.sequence++
	return s.Publish(ctx, Event{Sequence: s.sequence, Published: time.Now().UnixMicro()}.Swarm(emojis))
}

// play publishes so many events, and waits until the last one must have arrived.
func (s *show) play(ctx context.Context, events int, interval time.Duration) error {
	began := time.Now()
	for i := range events {
		if err := rest(ctx, time.Until(began.Add(time.Duration(i)*interval))); err != nil {
			return err
		}
		if err := s.publish(ctx, usual); err != nil {
			return err
		}
	}
	return rest(ctx, interval+time.Second)
}

// rest waits.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// measured is what a round has found.
type measured struct {
	Heard
	cpu time.Duration // of the server, per delivery
	own time.Duration // of the crowd, per delivery
	pss int64         // of the server, in excess of what it holds without listeners
}

// perform lets a crowd come, publishes to it, and measures.
func (b *bench) perform(ctx context.Context, s *show, c Crowd) (m measured, err error) {
	a, err := b.gather(ctx, s, c)
	if err != nil {
		return m, err
	}
	crowd := []int{a.process.ID()}
	var before, after, idle, busy usage
	err = inOrder(
		func() error { return rest(ctx, b.Interval) },
		func() (err error) { before, err = measure(s.pids); return err },
		func() (err error) { idle, err = measure(crowd); return err },
		func() error { return s.play(ctx, b.Events, b.Interval) },
		func() (err error) { after, err = measure(s.pids); return err },
		func() (err error) { busy, err = measure(crowd); return err },
	)
	if m.Heard, err = a.leave(err); err != nil {
		return m, err
	}
	n := time.Duration(max(m.Deliveries, 1))
	m.cpu, m.own, m.pss = (after.cpu-before.cpu)/n, (busy.cpu-idle.cpu)/n, after.pss-s.empty.pss
	return m, nil
}

// inOrder does one step after the other until one fails.
func inOrder(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
