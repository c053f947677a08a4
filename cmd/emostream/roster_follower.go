package main

import (
	"context"
	"fmt"
	"time"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/passedover"
	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/ticket"
	"github.com/emostream/emostream/internal/wire"
)

// rosterFollower keeps a roster up to date with the heartbeats of subscriber servers.
type rosterFollower struct {
	client   *kafka.Client
	topic    string
	over     *passedover.Reporter
	roster   *roster.Roster
	caughtUp chan struct{} // closed once the heartbeats that were there at the start have been read
}

// newRosterFollower returns a follower that knows the heartbeats that one of the keys has
// signed; nil: none.
func newRosterFollower(c *kafka.Client, names wire.Topics, tickets *ticket.Keys, over *passedover.Reporter) *rosterFollower {
	return &rosterFollower{client: c, topic: names.Servers(), over: over, roster: &roster.Roster{Names: names, Keys: tickets}, caughtUp: make(chan struct{})}
}

// run follows the heartbeats until ctx ends. Their topic must exist.
func (f *rosterFollower) run(ctx context.Context) error {
	from, err := f.client.OffsetAt(ctx, f.topic, 0, time.Now().Add(-roster.Lookback))
	if err != nil {
		return fmt.Errorf("follow the subscriber servers: %w", err)
	}
	_, end, err := f.client.Offsets(ctx, f.topic, 0)
	if err != nil {
		return fmt.Errorf("follow the subscriber servers: %w", err)
	}
	return f.roster.Follow(ctx, f.client.Reader(f.topic, 0), from, end, f.topic, f.over, func() { close(f.caughtUp) })
}

// waitCaughtUp returns nil once the roster is complete, or an error when ctx ends.
func (f *rosterFollower) waitCaughtUp(ctx context.Context) error {
	select {
	case <-f.caughtUp:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
