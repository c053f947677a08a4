package main

import (
	"cmp"
	"context"
	"os"
	"os/user"
	"time"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/wire"
)

// kafkaControls changes what is in force by the topic.
type kafkaControls struct {
	editor *controls.Editor
	ahead  time.Duration // how far this machine's clock is ahead of the brokers', as far as is known
	by     string
}

// atKafka calls do with a table that has read the topic and goes on to follow it.
func (f *controlFlags) atKafka(ctx context.Context, do func(context.Context, controlPlace) error) error {
	return f.withClient(ctx, "control", func(ctx context.Context, c *kafka.Client) error {
		topic := f.layout().ControlsTopic()
		if _, err := c.EnsureTopics(ctx, topic); err != nil {
			return err
		}
		start, end, err := c.Offsets(ctx, topic.Name, 0)
		if err != nil {
			return err
		}
		k := kafkaControls{&controls.Editor{Table: &controls.Table{}, Topic: c.Writer(topic.Name)}, brokerClock(ctx, c, f.names()), manager()}
		following, stop := context.WithCancel(ctx)
		var followErr error
		ready, followed := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(followed)
			followErr = k.editor.Table.Follow(following, c.Reader(topic.Name, 0), start, end, topic.Name, nil, func() { close(ready) })
		}()
		defer func() { stop(); <-followed }()
		select {
		case <-ready:
		case <-followed:
			return cmp.Or(followErr, ctx.Err())
		}
		return do(ctx, k)
	})
}

// brokerClock returns how far this machine's clock is ahead of the brokers'; 0 if that
// cannot be told. What is set for a while ends by the clocks of the servers, which stay
// close to the brokers'.
func brokerClock(ctx context.Context, c *kafka.Client, names wire.Topics) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	ahead, known, err := c.ClockSkew(ctx, names.Clock())
	if err != nil || !known {
		return 0
	}
	return ahead
}

// manager returns the name of who runs this program, and where.
func manager() string {
	name := "emostream control"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name[:min(len(name), wire.MaxUserID)]
}

func (k kafkaControls) set(ctx context.Context, c controls.Control, howLong time.Duration) (wire.ControlChange, error) {
	now := time.Now().Add(-k.ahead)
	if howLong > 0 {
		c.Until = now.Add(howLong)
	}
	c.SetBy, c.SetAt = k.by, now
	c, err := controls.Clean(c)
	if err != nil {
		return wire.ControlChange{}, err
	}
	before, err := k.editor.Set(ctx, c)
	return controls.Change(c, before), err
}

func (k kafkaControls) end(ctx context.Context, kind controls.Kind, name string) (wire.ControlChange, error) {
	before, err := k.editor.Remove(ctx, kind, name)
	return controls.Change(controls.Control{}, before), err
}

func (k kafkaControls) list(context.Context) ([]wire.Control, error) {
	all := []wire.Control{}
	for _, c := range k.editor.Table.All(time.Now().Add(-k.ahead)) {
		all = append(all, c.Wire())
	}
	return all, nil
}
