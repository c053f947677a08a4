package sse

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

var (
	// ErrStalled is the error of a connection that was given up because the server sent
	// nothing, not even a keep-alive, for [Client.ReadTimeout].
	ErrStalled = errors.New("the server is silent")
	// ErrEventTooLarge is the error of Run after an event longer than [Client.MaxEventSize].
	ErrEventTooLarge = errors.New("event too large")
	// ErrRenewed is the error of a connection that a value on [Client.Renew] ended.
	ErrRenewed = errors.New("another connection was asked for")
)

// Client listens to one stream and connects again whenever the connection ends. It
// holds settings only: one Client may Run any number of times, also at the same time.
// Only URL or Locate must be set.
type Client struct {
	// URL is the stream's address.
	URL string
	// Locate, if set, returns the address, and URL is not used. It is called before the
	// first connection and after each refusal, so that a listener can register anew.
	// After a live connection breaks, the same address is tried first. If it does not
	// take the listener back, Locate is called at once, unless a refusal said Retry-After.
	// refused says why the server did not take it back; nil: none was asked. An error of
	// Locate counts as a refusal; if it is a *[RefusedError], its RetryAfter is waited for.
	// Run sets no time limit for Locate.
	Locate func(ctx context.Context, refused error) (string, error)
	// Renew, if set, ends the connection, or the wait for the next one, with each value
	// received. Locate is then called at once. It is for a caller who knows before the
	// client that the connection is dead, as after the machine slept.
	Renew <-chan struct{}
	// HTTP makes the requests. Default: [http.DefaultClient]. Its Timeout is not used,
	// since a stream has no end; ReadTimeout is used instead.
	HTTP *http.Client

	// OnEvent is called with every event that has data, in order. If it returns an
	// error, Run ends and returns that error. Default: events are dropped.
	OnEvent func(Event) error
	// OnState is called with every change of state. The goroutine that called Run calls
	// OnEvent and OnState, and reads nothing from the stream while they run.
	OnState func(State)

	// Reconnect is how long to wait after a stream ended, and after the first refusal,
	// until the server sends retry:. Default: 1 s. Every wait is prolonged at random by
	// up to a half, so that the listeners of a dead server do not all come back at
	// once. No wait is shortened.
	Reconnect time.Duration
	// MaxBackoff bounds the wait, which doubles with each further refusal in a row,
	// before it is prolonged. A longer retry: or Retry-After of the server is still
	// obeyed, up to an hour. Default: 30 s.
	MaxBackoff time.Duration
	// ReadTimeout is how long the server may send nothing, not even a keep-alive,
	// before the connection is given up. It also bounds connecting. Default: 30 s.
	ReadTimeout time.Duration
	// MaxEventSize is the greatest length of one frame in bytes, including field names
	// and line ends. Default: 1 MiB.
	MaxEventSize int
}

func (c Client) withDefaults() Client {
	if c.HTTP == nil {
		c.HTTP = http.DefaultClient
	}
	endless := *c.HTTP
	endless.Timeout = 0
	c.HTTP = &endless
	if c.Locate == nil {
		url := c.URL
		c.Locate = func(context.Context, error) (string, error) { return url, nil }
	}
	if c.OnEvent == nil {
		c.OnEvent = func(Event) error { return nil }
	}
	if c.OnState == nil {
		c.OnState = func(State) {}
	}
	c.Reconnect = positive(c.Reconnect, time.Second)
	c.MaxBackoff = positive(c.MaxBackoff, 30*time.Second)
	c.ReadTimeout = positive(c.ReadTimeout, 30*time.Second)
	c.MaxEventSize = positive(c.MaxEventSize, 1<<20)
	return c
}

// positive returns v, or otherwise if v is not above 0.
func positive[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// Phase says what a [Client] is doing.
type Phase uint8

// The phases of a connection. After Connecting comes Live or Reconnecting, after Live
// comes Reconnecting, and after Reconnecting comes Connecting.
const (
	Connecting   Phase = iota // finding the address and asking for the stream
	Live                      // the server accepted; events arrive
	Reconnecting              // waiting State.Wait because of State.Err
)

// String returns the phase in lower case.
func (p Phase) String() string {
	switch p {
	case Connecting:
		return "connecting"
	case Live:
		return "live"
	case Reconnecting:
		return "reconnecting"
	default:
		return fmt.Sprintf("phase %d", uint8(p))
	}
}

// State is what [Client.OnState] is called with.
type State struct {
	Phase Phase
	// URL is the stream's address; empty before Locate has returned it.
	URL string
	// Wait and Err are set while Reconnecting: how long the wait is, and why the last
	// connection ended. Err is or wraps a *[RefusedError], [ErrStalled], [ErrRenewed],
	// [io.EOF] (the server ended the stream), or an error of Locate or of the network.
	Wait time.Duration
	Err  error
}

// Run listens until ctx is cancelled, and then returns nil. Before that it returns only
// an error of OnEvent, or [ErrEventTooLarge], since the server would send such an event
// again. After anything else, also any answer of a server, it connects again, without
// limit. A caller who wants a limit cancels ctx from OnState.
func (c *Client) Run(ctx context.Context) error {
	if c.URL == "" && c.Locate == nil {
		return errors.New("listen to stream: neither URL nor Locate is set")
	}
	l := newListener(*c)
	for ctx.Err() == nil && l.fatal == nil {
		if err := l.connect(ctx); ctx.Err() == nil && l.fatal == nil {
			l.waitAfter(ctx, err)
		}
	}
	return l.fatal
}
