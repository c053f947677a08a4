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

// claim makes sure that no other server has the name. If another instance was heard of
// lately, claim waits to see whether it sends another heartbeat. It does not wait for
// an instance with this server's own URL: this server has the port now, so that
// instance has ended.
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

// minRivalBeats is how many heartbeats of another server this one must have heard before
// it gives up its name.
const minRivalBeats = 3

// nameLost returns an error if this server must give up its name, which it claimed at
// the time claimed. If two servers claimed one name at once, the one that started later
// gives it up.
//
// The other server must have been heard of since the claim. If it has this server's own
// URL, it may have had the port before, and a slow broker may have taken its last
// heartbeats only now. So that heartbeat must also have been sent well after the claim:
// then both servers are alive, behind one proxy.
func (s *Server) nameLost(claimed time.Time) error {
	other, ok := s.cfg.Servers.Rival(s.cfg.Name, s.instance, time.Now())
	// One record may be anybody's; a server that is alive sends one each second.
	alive := ok && other.Beats >= minRivalBeats && other.Heard.After(claimed) && (other.URL != s.cfg.URL || sentAt(other).After(claimed.Add(2*roster.HeartbeatInterval)))
	if alive && other.StartedAt != "" && other.StartedAt+other.Instance < s.startedAt()+s.instance {
		return &NameTakenError{Name: s.cfg.Name, URL: other.URL}
	}
	return nil
}

// sentAt returns when a heartbeat was sent, by its sender's clock. If the heartbeat
// does not say, it returns when it was heard.
func sentAt(e roster.Entry) time.Time {
	if t, err := time.Parse(wire.TimeFormat, e.Time); err == nil {
		return t
	}
	return e.Heard
}
