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

// unregisterTimeout is how long Watch waits at its end for the answer to Unregister.
const unregisterTimeout = time.Second

// Watch follows a channel's swarms until ctx ends, onSwarm returns an error, or the
// server turns out not to be a main server, or says who may not watch. It registers first, and again when its
// subscriber server refuses it. It reconnects by itself and resumes after the last
// event.
//
// onSwarm is called with a swarm and its JSON, unless an earlier swarm of the same
// window had at least the same total. onState, which may be nil, is called with every
// change of the connection. The goroutine that called Watch calls both.
func (c *Client) Watch(ctx context.Context, channel string, onSwarm func(s wire.Swarm, raw []byte) error, onState func(sse.State, wire.Assignment)) error {
	var at wire.Assignment
	totals := windowTotals{}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	stream := sse.Client{
		HTTP:  FollowRedirects(c.HTTP),
		Renew: c.Renew,
		Locate: func(ctx context.Context) (string, error) {
			a, err := c.register(ctx, at.ServerName) // avoid the server that failed; at first there is none
			if r, ok := errors.AsType[*RefusalError](err); ok {
				switch {
				case r.Status == http.StatusUnauthorized, r.Status == http.StatusForbidden && r.Code != "":
					stop(r) // it would be refused again
				case r.Status == http.StatusNotFound, r.Status == http.StatusForbidden:
					stop(fmt.Errorf("%s does not register clients, it should be the main server: %w", c.address(), r))
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
				return nil //nolint:nilerr // not a swarm of this version, perhaps one of a newer server
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
		if at.ServerName != "" { // tell the main server, but do not wait long for its answer
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

// windowTotals maps the ends of the last windows to the greatest total seen of each.
type windowTotals map[int64]int64

// maxWindowTotals is how many windows are remembered.
const maxWindowTotals = 1000

// raise notes the total of s, and returns whether it is greater than the known total of
// its window.
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
