package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
)

// unregisterTimeout bounds the request that a Watch ends with.
const unregisterTimeout = time.Second

// Watch follows a channel's swarms until ctx ends, onSwarm returns an error, or the
// main server turns out to be none. It registers, and registers again when its
// subscriber server refuses it; it reconnects by itself and resumes where it was.
//
// onSwarm is called with each swarm whose total is greater than those before it of
// the same window, and with its JSON as it came. onState, which may be nil, is called
// with every change of the connection. Both are called by the goroutine that called
// Watch.
func (c *Client) Watch(ctx context.Context, channel string, onSwarm func(s wire.Swarm, raw []byte) error, onState func(sse.State, wire.Assignment)) error {
	var at wire.Assignment
	totals := windowTotals{}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	stream := sse.Client{
		HTTP:  c.HTTP,
		Renew: c.Renew,
		Locate: func(ctx context.Context) (string, error) {
			a, err := c.register(ctx, at.ServerName) // the one that failed; at first there is none
			if r, ok := errors.AsType[*RefusalError](err); ok {
				if r.Status == http.StatusNotFound || r.Status == http.StatusForbidden {
					stop(fmt.Errorf("%s does not register clients, it should be the main server: %w", c.Server, r))
				}
				return "", &sse.RefusedError{Status: r.Status, Code: r.Code, Message: r.Message, RetryAfter: r.RetryAfter}
			}
			if err != nil {
				return "", err
			}
			at = a
			return a.ChannelURL(channel), nil
		},
		OnEvent: func(e sse.Event) error {
			if e.Name != "swarm" {
				return nil
			}
			s, err := wire.DecodeSwarm(e.Data)
			if err != nil || !totals.raise(s) {
				return nil //nolint:nilerr // not a swarm: of a newer server, perhaps
			}
			return onSwarm(s, e.Data)
		},
		OnState: func(s sse.State) {
			if onState != nil {
				onState(s, at)
			}
		},
	}
	defer func() {
		if at.ServerName != "" { // which the server should know, but is not waited for longer than that
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unregisterTimeout)
			defer cancel()
			_ = c.Unregister(ctx, at.ServerName)
		}
	}()
	if err := stream.Run(ctx); err != nil {
		return err
	}
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// windowTotals is the greatest total of each of the last windows, by their ends.
type windowTotals map[int64]int64

// maxWindowTotals is how many windows are kept.
const maxWindowTotals = 1000

// raise takes in a swarm, and says whether its total is greater than what was known
// of its window.
func (w windowTotals) raise(s wire.Swarm) bool {
	if total, ok := w[s.Window.End]; ok && s.Total <= total {
		return false
	}
	w[s.Window.End] = s.Total
	if len(w) > maxWindowTotals {
		oldest := s.Window.End
		for end := range w {
			oldest = min(oldest, end)
		}
		delete(w, oldest)
	}
	return true
}
