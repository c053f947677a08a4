package client

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
)

// unregisterTimeout is how long Watch waits at its end for the answer to Unregister.
const unregisterTimeout = time.Second

// renewalTimeout is how long Watch waits for another token when its own has run out, after
// it was taken before: whoever renews it may be a little late.
const renewalTimeout = 30 * time.Second

// Watch follows a channel's swarms until ctx ends, onSwarm returns an error, or the server
// turns out not to be a main server, or says that the client may not watch. It registers
// first, and again when its subscriber server refuses it. It reconnects by itself and
// resumes after the last event. A token that has run out may be renewed within half a
// minute.
//
// onSwarm is called with a swarm and its JSON, unless an earlier swarm of the same window
// had a greater total, or the last one was the same. onState, which may be nil, is called
// with every change of the connection. The goroutine that called Watch calls both.
func (c *Client) Watch(ctx context.Context, channel string, onSwarm func(s wire.Swarm, raw []byte) error, onState func(sse.State, wire.Assignment)) error {
	var at wire.Assignment
	var expired time.Time // when the token was first refused because it has run out; zero: it is taken
	shown := shownWindows{}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	stream := sse.Client{
		HTTP:  FollowRedirects(c.HTTP),
		Renew: c.Renew,
		Locate: func(ctx context.Context, refused error) (string, error) {
			avoid := at.ServerName // at first there is none
			if !sse.HasFailed(refused) {
				avoid = ""
			}
			a, err := c.register(ctx, avoid, channel)
			if r, ok := errors.AsType[*RefusalError](err); ok {
				switch {
				case r.Code == "token_expired" && at.ServerName != "" && (expired.IsZero() || time.Since(expired) < renewalTimeout):
					if expired.IsZero() {
						expired = time.Now()
					}
				case r.Status == http.StatusUnauthorized, r.Status == http.StatusForbidden && r.Code != "", r.Status == http.StatusUnprocessableEntity && r.Code != "":
					stop(r) // it would be refused again
				case r.Status == http.StatusNotFound, r.Status == http.StatusForbidden:
					stop(fmt.Errorf("%s does not register clients, it should be the main server: %w", c.address(), r))
				}
				return "", &sse.RefusedError{Status: r.Status, Code: r.Code, Message: r.Message, RetryAfter: r.RetryAfter}
			}
			if err != nil {
				return "", err
			}
			at, expired = a, time.Time{}
			if c.OnChannel != nil {
				return withSignals(a.ChannelURL(channel))
			}
			return a.ChannelURL(channel), nil
		},
		OnEvent: func(e sse.Event) error {
			switch e.Name {
			case "state":
				if s, err := wire.DecodeChannelState(e.Data); err == nil && c.OnChannel != nil {
					c.OnChannel(s)
				}
			case "swarm":
				if s, err := wire.DecodeSwarm(e.Data); err == nil && shown.isNews(s, e.Data) { // an error: perhaps one of a newer server
					return onSwarm(s, e.Data)
				}
			}
			return nil
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

// withSignals returns the address of a stream that tells the state of its channel, too.
func withSignals(stream string) (string, error) {
	u, err := url.Parse(stream)
	if err != nil {
		return "", fmt.Errorf("the address of the stream: %w", err)
	}
	q := u.Query()
	q.Set("signals", "1")
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// shownWindows maps the ends of the last windows to what was seen of each.
type shownWindows map[int64]shownWindow

type shownWindow struct {
	total  int64
	digest [sha256.Size]byte // of the swarm in JSON
}

// maxShownWindows is how many windows are remembered.
const maxShownWindows = 1000

// isNews notes a swarm, and returns whether it is to be shown. It is not if a greater
// total is known of its window. Of equal totals the later swarm is to be shown: an emoji
// is hidden in it, or is hidden no more.
func (w shownWindows) isNews(s wire.Swarm, data []byte) bool {
	next := shownWindow{s.Total, sha256.Sum256(data)}
	if known, ok := w[s.Window.End]; ok && (s.Total < known.total || next == known) {
		return false
	}
	w[s.Window.End] = next
	if len(w) > maxShownWindows {
		oldest := s.Window.End
		for end := range w {
			oldest = min(oldest, end)
		}
		delete(w, oldest)
	}
	return true
}
