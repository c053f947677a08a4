package fanout

import (
	"context"
	"fmt"
	"time"

	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/wire"
)

// NameTakenError says that another live server has the name.
type NameTakenError struct {
	Name string
	URL  string // of the other server
}

func (e *NameTakenError) Error() string {
	return fmt.Sprintf("the name %s belongs to a server that is alive at %s", e.Name, e.URL)
}

// claim makes sure that no other server has the name. If another instance was heard
// of lately, it waits whether that one sends a heartbeat more. It need not wait for
// an instance with this server's own URL: since this server has the port, that one
// has ended.
func (s *Server) claim(ctx context.Context) error {
	other, ok := s.cfg.Servers.Rival(s.cfg.Name, s.instance, time.Now())
	if !ok || other.URL == s.cfg.URL {
		return nil
	}
	s.cfg.Logger.Info("waiting to see whether the former owner of the name is alive", "name", s.cfg.Name, "at", other.URL)
	if sleep.For(ctx, 2*roster.HeartbeatInterval+roster.HeartbeatInterval/2) != nil {
		return nil //nolint:nilerr // the end of ctx is how Run ends
	}
	if again, ok := s.cfg.Servers.Rival(s.cfg.Name, s.instance, time.Now()); ok && again.Heard.After(other.Heard) {
		return &NameTakenError{Name: s.cfg.Name, URL: again.URL}
	}
	return nil
}

// nameLost returns an error if this server must give its name up, which it claimed at a
// time. Of two servers that claimed one name at once, the one that started later
// gives it up.
//
// The other one must have been heard of since the claim. If it has this server's own
// URL, that may still be one of its last heartbeats, from before it left the port to
// this server, which a slow broker has only just taken. So it must also have been
// sent after the claim: then both are alive, behind one proxy.
func (s *Server) nameLost(claimed time.Time) error {
	other, ok := s.cfg.Servers.Rival(s.cfg.Name, s.instance, time.Now())
	alive := ok && other.Heard.After(claimed) && (other.URL != s.cfg.URL || sentAt(other).After(claimed.Add(2*roster.HeartbeatInterval)))
	if alive && other.StartedAt+other.Instance < s.startedAt()+s.instance {
		return &NameTakenError{Name: s.cfg.Name, URL: other.URL}
	}
	return nil
}

// sentAt is when a heartbeat was sent, by its sender's clock; when it was heard, if
// it does not say.
func sentAt(e roster.Entry) time.Time {
	if t, err := time.Parse(wire.TimeFormat, e.Time); err == nil {
		return t
	}
	return e.Heard
}
