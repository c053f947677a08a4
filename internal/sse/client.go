package sse

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	gosse "github.com/tmaxmax/go-sse"
)

// maxRetry bounds what a server can ask for with retry: or Retry-After, so that a
// slip of its keyboard does not silence a listener for a year.
const maxRetry = time.Hour

var (
	// ErrStalled is why a connection was given up that sent nothing, not even a
	// heartbeat, for [Client.ReadTimeout].
	ErrStalled = errors.New("the server is silent")
	// ErrEventTooLarge is what Run returns after an event longer than
	// [Client.MaxEventSize].
	ErrEventTooLarge = errors.New("event too large")
	// ErrRenewed is why a connection was left, or a wait cut short, that
	// [Client.Renew] asked to replace.
	ErrRenewed = errors.New("another connection was asked for")
)

// Client listens to one stream for as long as it is let. It holds settings only,
// so one Client may Run any number of times, at once too. Only URL or Locate must
// be set.
type Client struct {
	// URL is the stream's address.
	URL string
	// Locate, if set, is asked for the address instead: before the first
	// connection, and again after each one that was refused, so that a listener
	// can register anew. A stream that was live and broke is tried at the same
	// address first; when that one does not take it back, Locate is asked at once,
	// unless the answer said Retry-After. An error counts as a refusal; a
	// *[RefusedError] carries its RetryAfter along. Locate bounds its own time.
	Locate func(ctx context.Context) (string, error)
	// Renew, if set, is for one who knows that the connection cannot be trusted any
	// more, as after the machine slept: each value received ends the connection, or
	// the wait for the next one, and Locate is asked anew at once.
	Renew <-chan struct{}
	// HTTP makes the requests. Default: [http.DefaultClient]. Its Timeout is not
	// used, since a stream has no end: ReadTimeout takes its place.
	HTTP *http.Client

	// OnEvent is handed every event with data, in order; an error ends Run and is
	// returned by it. Default: events are dropped.
	OnEvent func(Event) error
	// OnState is told of every change of state. Default: nobody is. Both are
	// called by the goroutine that called Run, which does not read meanwhile: a
	// slow one slows its own stream and nothing else.
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
	// ReadTimeout is how long the server may send nothing, heartbeats included,
	// before the connection is given up. It bounds connecting too. Default: 30 s.
	ReadTimeout time.Duration
	// MaxEventSize bounds one frame, its field names and line ends included, in
	// bytes. Default: 1 MiB.
	MaxEventSize int
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

// State is what [Client.OnState] is told.
type State struct {
	Phase Phase
	// URL is the stream's address; empty while Locate has yet to tell it.
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
// again, for ever; a caller that knows better cancels ctx from OnState.
func (c *Client) Run(ctx context.Context) error {
	if c.URL == "" && c.Locate == nil {
		return errors.New("listen to stream: neither URL nor Locate is set")
	}
	l := newListener(*c)
	for ctx.Err() == nil && l.fatal == nil {
		if err := l.attempt(ctx); ctx.Err() == nil && l.fatal == nil {
			l.rest(ctx, err)
		}
	}
	return l.fatal
}

// attempt is connect, and ends it when Renew asks for another one.
func (l *listener) attempt(ctx context.Context) error {
	if l.Renew == nil {
		return l.connect(ctx)
	}
	ctx, end := context.WithCancelCause(ctx)
	renewed := false
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-l.Renew:
			renewed = true
			end(ErrRenewed)
		case <-ctx.Done():
		}
	})
	err := l.connect(ctx)
	end(nil)
	watch.Wait()
	if renewed {
		l.url, l.refusals = "", 0
		return ErrRenewed
	}
	return err
}

// listener is the state of one Run: what outlives a connection.
type listener struct {
	Client // with its defaults filled in

	url      string        // empty: ask Locate
	lastID   string        // sent as Last-Event-ID
	retry    time.Duration // Reconnect, or what a server last asked for
	refusals int           // in a row, since a connection was last live
	fatal    error         // what Run shall return
}

func newListener(c Client) *listener {
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
	return &listener{Client: c, retry: c.Reconnect}
}

func positive[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// connect makes one connection, listens until it ends and says why it did.
func (l *listener) connect(ctx context.Context) error {
	l.OnState(State{Phase: Connecting, URL: l.url})
	defer func() {
		if l.url == "" {
			l.refusals++
		}
	}()
	before, err := l.url, error(nil)
	if before != "" {
		if err = l.listen(ctx); l.url != "" || asksToWait(err) {
			return err
		}
	}
	url, lost := l.Locate(ctx)
	switch {
	case lost != nil:
		return fmt.Errorf("find the stream: %w", lost)
	case url == before:
		return err
	}
	l.url = url
	return l.listen(ctx)
}

// listen asks for the stream at l.url, which it forgets if it is refused, listens
// until it ends and says why it did.
func (l *listener) listen(ctx context.Context) error {
	live := false
	defer func() {
		if !live {
			l.url = ""
		}
	}()

	// Whoever ends the connection does it by cancelling, and says why.
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	stalled := fmt.Errorf("%w: nothing came for %v", ErrStalled, l.ReadTimeout)
	watchdog := time.AfterFunc(l.ReadTimeout, func() { end(stalled) })
	defer watchdog.Stop()

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url, nil)
	if err != nil {
		return fmt.Errorf("ask for the stream: %w", err)
	}
	req.Header.Set("Cache-Control", "no-store")
	if l.lastID != "" {
		req.Header.Set("Last-Event-ID", l.lastID)
	}

	// A go-sse connection reconnects by itself, but gives up for good when it is
	// refused, forgets retry: with the next connection and may come sooner than
	// it says. So each one is used once, and ended by the first OnRetry. That is
	// also the only place that shows retry:, as the wait, hence the starting value
	// and the jitter, of which it takes 0 and -1 to mean a half.
	conn := (&gosse.Client{
		HTTPClient: l.HTTP,
		Backoff:    gosse.Backoff{InitialInterval: l.retry, Jitter: 1e-12},
		ResponseValidator: func(res *http.Response) error {
			if err := refusal(res); err != nil {
				return err
			}
			watchdog.Stop()
			res.Body = &watchedBody{res.Body, watchdog, l.ReadTimeout, stalled}
			live = true
			l.refusals = 0
			l.OnState(State{Phase: Live, URL: l.url})
			return nil
		},
		OnRetry: func(err error, wait time.Duration) {
			l.retry = min(wait.Round(time.Microsecond), maxRetry)
			end(err)
		},
	}).NewConnection(req)
	conn.Buffer(nil, l.MaxEventSize)
	conn.SubscribeToAll(func(e gosse.Event) {
		if ctx.Err() != nil {
			return // the rest of what was read before the connection was ended
		}
		if e.LastEventID != "" { // empty until the first id: of this connection
			l.lastID = e.LastEventID
		}
		if e.Data == "" {
			return
		}
		err := l.OnEvent(Event{ID: l.lastID, Name: e.Type, Data: []byte(e.Data)})
		if err != nil && ctx.Err() == nil { // else it only echoes the caller's cancelling
			l.fatal = err
			end(err)
		}
	})
	err = conn.Connect()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return l.explain(err)
}

// explain takes go-sse's wrapping off err, whose sentences are about requests.
func (l *listener) explain(err error) error {
	if wrapped, ok := errors.AsType[*gosse.ConnectionError](err); ok {
		err = wrapped.Err
	}
	switch {
	case errors.Is(err, bufio.ErrTooLong):
		l.fatal = fmt.Errorf("%w: more than %d bytes", ErrEventTooLarge, l.MaxEventSize)
		return l.fatal
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the server ended the stream: %w", err)
	default:
		return err
	}
}

// rest waits before the next connection, after one that ended with err.
func (l *listener) rest(ctx context.Context, err error) {
	doublings := min(max(l.refusals-1, 0), 20) // 20: an hour still fits
	wait := max(l.retry, min(l.retry<<doublings, l.MaxBackoff))
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		wait = max(wait, min(refused.RetryAfter, maxRetry))
	}
	wait += rand.N(wait/2 + 1)
	if errors.Is(err, ErrRenewed) {
		wait = 0
	}
	l.OnState(State{Phase: Reconnecting, URL: l.url, Wait: wait, Err: err})
	select {
	case <-time.After(wait):
	case <-l.Renew:
		l.url, l.refusals = "", 0
	case <-ctx.Done():
	}
}

// watchedBody is a response's body that the watchdog guards while it is read,
// and only then: a listener that takes its time over an event is not a silent
// server. When the watchdog has ended the connection, the reader is told so
// rather than of the cancellation, which go-sse takes for the caller's.
type watchedBody struct {
	io.ReadCloser
	watchdog *time.Timer
	timeout  time.Duration
	stalled  error
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.watchdog.Reset(b.timeout)
	n, err := b.ReadCloser.Read(p)
	if !b.watchdog.Stop() {
		err = b.stalled
	}
	return n, err
}
