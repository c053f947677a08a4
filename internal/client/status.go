package client

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// ClockReading says what the main server's clock showed at some moment between Asked
// and Answered of this machine's clock: Server, or up to Within more.
type ClockReading struct {
	Asked, Answered time.Time
	Server          time.Time
	Within          time.Duration
}

// ServerStatus is what a main server knows of a subscriber server.
type ServerStatus struct {
	wire.ServerStatus
	Alive bool `json:"alive"`
}

// Status is what a main server reports of itself and of the subscriber servers.
type Status struct {
	Clock   ClockReading   // its Server is zero when the answer had no Date
	Servers []ServerStatus // none if only managers may see them
}

// Status asks the main server for its clock and its subscriber servers.
func (c *Client) Status(ctx context.Context) (Status, error) {
	s := Status{Clock: ClockReading{Asked: time.Now(), Within: time.Second}}
	var said struct{ Servers []ServerStatus }
	header, err := c.ask(ctx, http.MethodGet, "/v1/servers", nil, &said)
	if refused, ok := errors.AsType[*RefusalError](err); ok && (refused.Status == http.StatusUnauthorized || refused.Status == http.StatusForbidden) {
		err = nil // it does not say who is connected where, but what time it is
	}
	if err != nil {
		return Status{}, err
	}
	s.Servers, s.Clock.Answered = said.Servers, time.Now()
	if at, err := http.ParseTime(header.Get("Date")); err == nil {
		s.Clock.Server = at
	}
	return s, nil
}
