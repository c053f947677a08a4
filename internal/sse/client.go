package sse

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

var (
	// ErrStalled is why a connection was given up that sent nothing, not even a
	// keep-alive, for [Client.ReadTimeout].
	ErrStalled = errors.New("the server is silent")
	// ErrEventTooLarge is what Run returns after an event longer than
	// [Client.MaxEventSize].
	ErrEventTooLarge = errors.New("event too large")
	// ErrRenewed is why a connection was ended because of [Client.Renew].
	ErrRenewed = errors.New("another connection was asked for")
)

// Client listens to one stream and connects again whenever the connection ends. It
// holds settings only, so that one Client may Run any number of times, at once too.
// Only URL or Locate must be set.
type Client struct {
	// URL is the stream's address.
	URL string
	// Locate, if set, is asked for the address instead: before the first
	// connection, and after each refusal, so that a listener can register anew. A
	// stream that was live and broke is tried at the same address first; when it is
	// refused there, Locate is asked at once, unless the answer said Retry-After. An
	// error of Locate counts as a refusal; that of a *[RefusedError] is obeyed. Locate
	// bounds its own time.
	Locate func(ctx context.Context) (string, error)
	// Renew, if set, ends the connection, or the wait for the next one, with each value
	// received; Locate is asked anew at once. It is for a caller who knows that the
	// connection is dead before the client can, as after the machine slept.
	Renew <-chan struct{}
	// HTTP makes the requests. Default: [http.DefaultClient]. Its Timeout is not
	// used, since a stream has no end: ReadTimeout takes its place.
	HTTP *http.Client

	// OnEvent is handed every event with data, in order; an error ends Run and is
	// returned by it. Default: events are dropped.
	OnEvent func(Event) error
	// OnState is called with every change of state. Both are called by the goroutine
	// that called Run, which does not read meanwhile: a slow one slows its own stream
	// and nothing else.
	OnState func(State)

	// Reconnect is how long to wait after a stream ended, and after the first
	// refusal, until the server's retry: says otherwise. Default: 1 s. Every wait is
	// prolonged at random by up to a half, so that the listeners of a dead server
	// do not all come back at once; none is shortened.
	Reconnect time.Duration
	// MaxBackoff bounds the wait that doubles with each further refusal in a row,
	// before it is prolonged. A longer retry: or Retry-After of the server is
	// obeyed all the same, up to an hour. Default: 30 s.
	MaxBackoff time.Duration
	// ReadTimeout is how long the server may send nothing, keep-alives included,
	// before the connection is given up. It bounds connecting too. Default: 30 s.
	ReadTimeout time.Duration
	// MaxEventSize bounds one frame, its field names and line ends included, in
	// bytes. Default: 1 MiB.
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
		c.Locate = func(context.Context) (string, error) { return url, nil }
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

// The phases of a connection. Connecting is followed by Live or Reconnecting,
// Live by Reconnecting, Reconnecting by Connecting.
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
	// Wait and Err belong to Reconnecting: how long from now, and why. Err is or
	// wraps a *[RefusedError], [ErrStalled], [ErrRenewed], [io.EOF] (the server ended
	// the stream), or what Locate or the network said.
	Wait time.Duration
	Err  error
}

// Run listens until ctx is cancelled, which is no error. Else it returns what
// OnEvent returned, or [ErrEventTooLarge]: a stream that sends such an event would
// send it again. Everything else, whatever a server answers included, is tried
// again, for ever; a caller who wants an end to that cancels ctx from OnState.
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
