package fanout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// announce sends a heartbeat every second, once the name is ours, until ctx ends.
func (s *Server) announce(ctx context.Context) error {
	if err := s.claim(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	s.claimed.Store(true)
	since := time.Now()
	t := time.NewTicker(roster.Heartbeat)
	defer t.Stop()
	var w wave
	refused := false // the latest heartbeat was
	for {
		err := s.beat(ctx, wire.StateServing)
		if err != nil && !refused {
			s.cfg.Logger.Warn("this server cannot announce itself, and no client is sent to it", "error", err)
		}
		refused = err != nil
		w.tidy(s.moves.Load())
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		// Of two that began at once, the one that began later gives way; only a
		// heartbeat that follows ours tells that a rival is there. Under our own
		// URL it may still be a last one of who left the port to us, which a
		// broker that stood still has just taken in: one that was sent since then
		// means a proxy.
		r, ok := s.cfg.Servers.Rival(s.cfg.Name, s.instance, time.Now())
		alive := ok && r.Heard.After(since) && (r.URL != s.cfg.URL || sent(r).After(since.Add(2*roster.Heartbeat)))
		if alive && r.StartedAt+r.Instance < s.startedAt()+s.instance {
			return s.taken(r)
		}
	}
}

// sent is when a heartbeat was sent by its sender's clock; when it was heard, if
// it does not say so.
func sent(e roster.Entry) time.Time {
	if t, err := time.Parse(wire.TimeFormat, e.Time); err == nil {
		return t
	}
	return e.Heard
}

func (s *Server) startedAt() string { return s.started.UTC().Format(wire.TimeFormat) }

// claim makes sure that nobody else has the name. A heartbeat of another
// instance that was heard lately is nothing to fear if it gave our own URL (the
// port is ours, so that one is dead), or if no further one follows.
func (s *Server) claim(ctx context.Context) error {
	r, ok := s.cfg.Servers.Rival(s.cfg.Name, s.instance, time.Now())
	if !ok || r.URL == s.cfg.URL {
		return nil
	}
	s.cfg.Logger.Info("waiting to see whether the former owner of the name is alive", "name", s.cfg.Name, "at", r.URL)
	if sleep.For(ctx, 2*roster.Heartbeat+roster.Heartbeat/2) != nil {
		return nil
	}
	if now, ok := s.cfg.Servers.Rival(s.cfg.Name, s.instance, time.Now()); ok && now.Heard.After(r.Heard) {
		return s.taken(now)
	}
	return nil
}

func (s *Server) taken(r roster.Entry) error {
	return fmt.Errorf("the name %s belongs to a server that is alive at %s: stop that one, or choose another with --name", s.cfg.Name, r.URL)
}

// beat sends one heartbeat. One that cannot be sent in time is left out: the
// next one says more. The error is that of one that is refused.
func (s *Server) beat(ctx context.Context, state string) error {
	now := time.Now()
	status := wire.ServerStatus{
		Name: s.cfg.Name, Instance: s.instance, URL: s.cfg.URL, Topic: s.cfg.Topic, Cluster: s.cfg.Cluster,
		Clients: s.Clients(), Capacity: s.cfg.Capacity, Opened: s.opened.Load(), State: state,
		StartedAt: s.startedAt(), Time: now.UTC().Format(wire.TimeFormat), Version: s.cfg.Version,
	}
	ctx, cancel := context.WithTimeout(ctx, roster.Heartbeat)
	defer cancel()
	err := s.cfg.Heartbeats.Write(ctx, 0, []stream.Record{{Time: now.UnixMilli(), Key: []byte(status.Name), Value: status.Encode()}})
	switch {
	case err == nil, errors.Is(err, context.Canceled):
	case errors.Is(err, context.DeadlineExceeded):
		s.cfg.Logger.Debug("heartbeat not sent", "error", err)
	default:
		return err
	}
	return nil
}
