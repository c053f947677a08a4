package fanout

import (
	"context"
	"errors"
	"time"

	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// announce claims the name, and then sends a heartbeat every second until ctx ends. It
// returns an error when another live server has the name.
func (s *Server) announce(ctx context.Context) error {
	if err := s.claim(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	s.claimed.Store(true)
	claimed := time.Now()
	t := time.NewTicker(roster.HeartbeatInterval)
	defer t.Stop()
	var memory memoryRelease
	failed := false // whether the last heartbeat failed
	for {
		err := s.sendHeartbeat(ctx, wire.StateServing)
		if err != nil && !failed {
			s.cfg.Logger.Warn("this server cannot announce itself, and no client is sent to it", "error", err)
		}
		failed = err != nil
		memory.afterCrowd(s.moves.Load())
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if err := s.nameLost(claimed); err != nil {
			return err
		}
	}
}

// sendHeartbeat writes one heartbeat. If the log does not take it within a second, it
// is dropped. That is no error, since the next one says what is true then.
func (s *Server) sendHeartbeat(ctx context.Context, state string) error {
	now := time.Now()
	s.lastBeat = max(now.UnixMilli(), s.lastBeat+1) // readers take a signed heartbeat that is not later for a repetition
	status := wire.ServerStatus{
		Name: s.cfg.Name, Instance: s.instance, URL: s.cfg.URL, Topic: s.cfg.Topic, Cluster: s.cfg.Cluster,
		Clients: s.Clients(), Capacity: s.cfg.Capacity, Opened: s.opened.Load(), State: state,
		StartedAt: s.startedAt(), Time: wire.Time(s.lastBeat).String(), Version: s.cfg.Version, Tickets: s.cfg.Tickets != nil,
	}
	ctx, cancel := context.WithTimeout(ctx, roster.HeartbeatInterval)
	defer cancel()
	record := stream.Record{Time: now.UnixMilli(), Key: []byte(status.Name), Value: status.Encode()}
	if s.cfg.Tickets != nil {
		record.Headers = []stream.Header{{Key: wire.SignatureHeader, Value: s.cfg.Tickets.Sign(record.Value)}}
	}
	err := s.cfg.Heartbeats.Write(ctx, 0, []stream.Record{record})
	switch {
	case err == nil, errors.Is(err, context.Canceled):
	case errors.Is(err, context.DeadlineExceeded):
		s.cfg.Logger.Debug("heartbeat not sent", "error", err)
	default:
		return err
	}
	return nil
}

func (s *Server) startedAt() string { return s.started.UTC().Format(wire.TimeFormat) }
