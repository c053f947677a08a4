package loadgen

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// This file exports internals for tests.

// WithDialer returns a context in which a run makes its connections by dial.
func WithDialer(ctx context.Context, dial func(ctx context.Context, network, address string) (net.Conn, error)) context.Context {
	return context.WithValue(ctx, dialerKey{}, dialFunc(dial))
}

// ReadResponses reads responses from a connection until an error.
func ReadResponses(from io.Reader) (status []int, bodies []string, keep []bool, err error) {
	r := responseReader{from: from}
	for {
		res, err := r.next()
		if err != nil {
			return status, bodies, keep, err
		}
		status, bodies, keep = append(status, res.status), append(bodies, string(res.body)), append(keep, res.keepAlive)
		if !res.keepAlive {
			return status, bodies, keep, nil
		}
	}
}

// Errors of responses.
var (
	ErrMalformed = errMalformed
	ErrClosed    = errClosed
)

// DecodeChunks returns the content of a chunked body that arrives in pieces.
func DecodeChunks(pieces ...[]byte) (body string, done bool, err error) {
	var c chunkDecoder
	for _, p := range pieces {
		out, used, err := c.decode(slices.Clone(p))
		if err != nil {
			return body, c.done, err
		}
		body += string(out)
		if c.done && used < len(p) {
			break
		}
	}
	return body, c.done, nil
}

// ReadEvent is an event that a listener received.
type ReadEvent struct{ Name, Data string }

// collector keeps the events that a listener received.
type collector struct {
	decoded map[*event]ReadEvent
	events  []ReadEvent
}

func (c *collector) received(_ *listenerView, e *event, _ time.Time) {
	c.events = append(c.events, c.decoded[e])
}

// ReadStream lets a listener read the stream at the other end of conn until it ends,
// and returns what the listener received.
func ReadStream(conn net.Conn) (events []ReadEvent, lastID string, retry time.Duration, err error) {
	defer conn.Close()
	c := &collector{decoded: map[*event]ReadEvent{}}
	a := &audience{
		sink:       c,
		eventCache: newEventCache(func(e *event, name string, data []byte) { c.decoded[e] = ReadEvent{name, string(data)} }),
		buffers:    sync.Pool{New: func() any { return new([]byte) }},
		silence:    time.Minute, lastSent: time.Now,
	}
	l := &listener{conn: conn, retry: defaultRetry}
	at := &streamAddress{endpoint: &endpoint{url: &url.URL{Host: "emo"}}, path: "/"}
	if _, err := l.requestStream(conn, streamSource{}.streamRequest(0, at), at, time.Now().Add(time.Minute)); err != nil {
		return nil, "", 0, err
	}
	if err := l.listen(a); !errors.Is(err, errClosed) {
		return nil, "", 0, err
	}
	return c.events, l.lastID, l.retry, nil
}

// CutFrames returns the frames of a stream, and the rest after the last whole frame.
func CutFrames(stream string) (frames []string, rest string) {
	b := []byte(stream)
	for {
		first, after, ok := cutFrame(b)
		if !ok {
			return frames, string(b)
		}
		frames, b = append(frames, string(first)), after
	}
}

// Cell is one emoji of a channel in one window.
type Cell struct {
	End           int64
	Kind, Channel int
}

// Balance compares what was accepted with what was counted.
func Balance(accepted, counted map[Cell]int64, inDoubt map[int]int64) (lost, doubled, shifted, lostAtMost, doubledAtMost int64, off int) {
	cells := func(m map[Cell]int64) map[cell]int64 {
		out := map[cell]int64{}
		for c, n := range m {
			out[cell{c.End, reactionKind{c.Channel, c.Kind}}] = n
		}
		return out
	}
	doubt := map[reactionKind]int64{}
	for emoji, n := range inDoubt {
		doubt[reactionKind{0, emoji}] = n
	}
	b := balanceOf(cells(accepted), cells(counted), doubt)
	return b.lost, b.doubled, b.shifted, b.lostAtMost, b.doubledAtMost, len(b.unbalanced)
}

// SearchRates searches for the greatest rate that holds, and returns all rates that it
// tried.
func SearchRates(first, maxRate, precision float64, holds func(float64) bool) []float64 {
	h := newRateSearch(first, maxRate, precision)
	var tried []float64
	for h.rate > 0 && len(tried) < maxSearchSteps {
		tried = append(tried, h.rate)
		h.record(holds(h.rate))
	}
	return tried
}

// UsersAndEmojis returns a function that says who sends which emoji, and the emojis.
func UsersAndEmojis(seed uint64, users, kinds int) (of func(int64) (user, kind int), emojis []string) {
	m := newReactionMix(seed, users, kinds)
	return m.userAndEmoji, m.emojis
}

// MissingOfLeaver returns how many windows and how many markers of another service a
// leaving listener counts as missing. The listener is shown nothing. Another listener
// is shown one window and one marker: late is how long after the window's end and the
// marker's due time that happens, and after is how long after that the first listener
// leaves.
func MissingOfLeaver(late, after time.Duration) (windows, events int64, err error) {
	m, err := newShownMarkers("", "run", 1)
	if err != nil {
		return 0, 0, err
	}
	s := newShownSwarms([]string{"c"}, nil, func(int64) {})
	began := time.Unix(1_000_000, 0)
	view := func() *listenerView {
		v := &listenerView{}
		v.connected(began, began)
		return v
	}
	stays, leaves := view(), view()
	end := began.Add(time.Second)
	data, err := json.Marshal(wire.Swarm{Channel: "c", Window: wire.Window{Start: began.UnixMilli(), End: end.UnixMilli()}, Total: 1})
	if err != nil {
		return 0, 0, err
	}
	e := &event{firstSeen: end.Add(late), markers: []int64{0}}
	s.decode(e, "swarm", data)
	m.expect(0, end)
	s.received(stays, e, e.firstSeen)
	m.received(stays, e, e.firstSeen)
	until := e.firstSeen.Add(after - deliveryAllowance).UnixMilli()
	windows, _ = s.missing(leaves, s.greatest(), until)
	return windows, m.missing(leaves, until), nil
}

// EventCache is a cache of events that decodes nothing.
type EventCache struct{ *eventCache }

// NewEventCache returns an empty cache.
func NewEventCache() EventCache { return EventCache{newEventCache(func(*event, string, []byte) {})} }

// IsKept gets an event, and returns whether getting it again returns the same.
func (c EventCache) IsKept(frame string) bool {
	first := c.get([]byte(frame), time.Now())
	return c.get([]byte(frame), time.Now()) == first
}

// Len returns the number of events in the cache.
func (c EventCache) Len() int {
	n := 0
	for _, g := range []*generation{c.young.Load(), c.old.Load()} {
		g.byHash.Range(func(any, any) bool { n++; return true })
	}
	return n
}

// GenerationSize is how many events a cache keeps at least.
const GenerationSize = generationSize

// Slots returns the places that a listener's view has for windows of a length that end
// at ends, after each of them was made.
func Slots(length int64, ends ...int64) []int {
	var v listenerView
	var slots []int
	for _, end := range ends {
		slots = append(slots, v.makeSlot(end, length))
	}
	return slots
}

// MaxSlots is how many windows a listener's view may hold.
const MaxSlots = maxSlots

// RequestBytes returns request n of a run whose id is "run".
func RequestBytes(ctx context.Context, c Config, n int64, due time.Time) (string, error) {
	r, _, err := requestsOf(ctx, c)
	if err != nil {
		return "", err
	}
	return string(r.appendRequest(nil, n, due)), nil
}

// ListenerBytes returns what a listener sends, in a run whose id is "run", to register and
// to ask for its stream. Of another service there is no registration.
func ListenerBytes(ctx context.Context, c Config, number int64) (register, stream string, err error) {
	_, s, err := requestsOf(ctx, c)
	if err != nil {
		return "", "", err
	}
	at := streamAddress{endpoint: s.main, path: "/sub"}
	if s.fixed != nil {
		at, err = registrar{s, nil}.assign(ctx, &listener{number: number})
	} else {
		register = string(s.headers.register("/register", s.main).append(nil, s.values(number)))
	}
	return register, string(s.streamRequest(number, &at)), err
}

// requestsOf returns what makes the requests of a run, without connecting to its target.
func requestsOf(ctx context.Context, c Config) (requests, streamSource, error) {
	if err := c.Check(); err != nil {
		return nil, streamSource{}, err
	}
	c = c.withDefaults()
	asked, err := c.templates()
	if err != nil {
		return nil, streamSource{}, err
	}
	run := c.runValues()
	run.id = "run"
	if c.Publish == nil {
		to, err := resolveEndpoint(ctx, asked.server, reach{remote: true})
		return newReactionRequests(to, run, asked.headers, []string{"c"}), streamSource{main: to, headers: asked.headers, run: run}, err
	}
	to, err := resolveEndpoint(ctx, asked.postURL, reach{remote: true})
	if err != nil || len(asked.streams) == 0 {
		return newPublishRequests(to, run, asked), streamSource{}, err
	}
	t := &target{}
	p := newPublishRequests(to, run, asked)
	if err := t.listenForMarkers(ctx, c, asked, p); err != nil {
		return nil, streamSource{}, err
	}
	return p, *t.source, nil
}

// InterruptedRoundTrip sends a request over a connection that was interrupted after it was
// made. It returns an error if that could not be done, or if there is an answer.
func InterruptedRoundTrip(ctx context.Context, base string, http2 bool) error {
	u, err := url.Parse(base)
	if err != nil {
		return err
	}
	to, err := resolveEndpoint(ctx, u, reach{http2: http2})
	if err != nil {
		return err
	}
	c := to.newConnection()
	defer c.close()
	now := time.Now()
	deadline := now.Add(time.Hour)
	if err := c.ensureOpen(ctx, now, deadline); err != nil {
		return err
	}
	c.interrupt()
	if _, err = c.roundTrip([]byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), now, deadline); err == nil {
		return errors.New("there is an answer")
	}
	return nil
}

// Cookies are those of one client.
type Cookies struct{ of cookies }

// Answered keeps the Set-Cookie lines of the answer to a request over http.
func (c *Cookies) Answered(request string, lines ...string) {
	c.of.keep("http", []byte(request), lines)
}

// AddTo returns a request with its cookies.
func (c *Cookies) AddTo(request string) string { return string(c.of.addTo("http", []byte(request))) }

// Accepts returns whether a condition accepts an answer.
func Accepts(condition string, status int, body string) (bool, error) {
	c, err := parseOK(condition)
	if err != nil {
		return false, err
	}
	return c.accepts(response{status: status, body: []byte(body)})
}

// RecordedSchedule returns when the reactions of a recording are due.
func RecordedSchedule(r *Recording) Schedule { return r.schedule() }

// Emojis yields n different emojis.
func Emojis(n int) iter.Seq[string] { return slices.Values(firstEmojis(n)) }

// ReadAtPace lets a slow listener read from conn for a time.
func ReadAtPace(conn net.Conn, pace int, long time.Duration) error {
	settling := make(chan struct{})
	time.AfterFunc(long, func() { close(settling) })
	return (&listener{conn: conn}).readAtPace(pace, settling)
}

// WatchWaiting returns how a connection for HTTP/2, and one for HTTP/1.1, learn that
// something waits to be read.
func WatchWaiting(conn net.Conn) (unread func() (bool, error), spoils func() bool, err error) {
	w := &waiting{}
	err = w.watch(conn)
	return w.unread, w.spoils, err
}
