package client

import (
	"context"
	"net/http"
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// Reading is a look at the main server's clock: at some moment from Asked to
// Answered, by this machine's clock, it showed Server, or at most Within more.
type Reading struct {
	Asked, Answered time.Time
	Server          time.Time
	Within          time.Duration
}

// ServerStatus is what a main server knows of a subscriber server.
type ServerStatus struct {
	wire.ServerStatus
	Alive bool `json:"alive"`
}

// Status is what a main server knows of the installation.
type Status struct {
	Clock   Reading // its Server is zero when the server did not tell
	Servers []ServerStatus
}

// Status asks the main server how things are.
func (c *Client) Status(ctx context.Context) (Status, error) {
	s := Status{Clock: Reading{Asked: time.Now(), Within: time.Second}}
	var said struct{ Servers []ServerStatus }
	header, err := c.ask(ctx, http.MethodGet, "/v1/servers", nil, &said)
	if err != nil {
		return Status{}, err
	}
	s.Servers, s.Clock.Answered = said.Servers, time.Now()
	if at, err := http.ParseTime(header.Get("Date")); err == nil {
		s.Clock.Server = at
	}
	return s, nil
}
