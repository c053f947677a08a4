// Package fanout is a subscriber server: it follows the swarms of its topic and
// sends them to everyone who listens, as Server-Sent Events. It announces itself with
// a heartbeat that carries its true number of listeners.
//
// What happens, in order, and where:
//
//   - A client asks for a stream (routes.go). If it may listen (admission.go) and
//     there is a place for it (capacity.go), it becomes a listener (listener.go) of a
//     channel (channel.go), and one shard serves it from then on.
//   - It is given a cursor into the updates of its channel, and is sent the windows
//     that it missed (replay.go).
//   - A swarm arrives (server.go). The hub (hub.go) finds its channel, which encodes
//     it once, as an update that all listeners share.
//   - The shards (shard.go) write to every listener what lies after its cursor,
//     through the socket or net/http (transport.go).
//
// Ten thousand listeners cost little because they share everything. There is no
// queue for each: a window is a snapshot, so that a slow listener goes on with the
// newest one, and nobody waits for it (slow_listeners.go). There is no goroutine,
// timer or buffer for each either: a few shards write to all. On plain HTTP/1.1 the
// socket is taken from net/http; elsewhere the request's goroutine stays, and writes
// what the shard hands it.
package fanout

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/passedover"
	"github.com/emostream/emostream/internal/quota"
	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/ticket"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/access"
)

// Config says who the server is and how it treats its clients.
type Config struct {
	Name    string // like sub1; the path of the stream of single emojis
	Cluster string // default cluster_1
	URL     string // base URL that clients reach it under
	Topic   string // of its swarms
	Version string // of the program

	// Capacity is how many streams may be open at one time; default 10,000.
	Capacity int
	// AcceptRate is how many streams may be opened in a second, all of them perhaps at
	// once. Clients beyond that are asked to come back later. Default 2,000.
	AcceptRate int
	// WindowBytes is how much memory the windows of all channels may take; default
	// 64 MiB. The oldest windows of channels without listeners go first.
	WindowBytes int64
	// Proxies are the proxies that are trusted to name the address of a client. One
	// address may have a quarter of Capacity, and of AcceptRate.
	Proxies httpserve.Proxies
	// Shards is how many goroutines write to listeners; default one for each
	// processor, and at most 16.
	Shards int
	// StallTimeout is how long a listener may keep a frame waiting before its stream
	// is closed; default 10 s.
	StallTimeout time.Duration
	// KeepAlive is how long a stream may be silent. The keep-alive is sent up to a
	// second earlier. Default 15 s.
	KeepAlive time.Duration
	// Retry is what clients are told to wait before they come back; default 2 s.
	Retry time.Duration
	// DrainSpread is the time over which listeners are let go when the server stops,
	// and the time over which clients that are put off come back. Default 3 s.
	DrainSpread time.Duration
	// Repeats is how often an emoji comes at most for one window in the stream
	// of single emojis; default 100.
	Repeats int
	// Lateness is how far back a listener that resumes is sent windows that were
	// revised; default 10 s, which is aggregate's default too.
	Lateness time.Duration

	Log        stream.Reader   // of its topic
	Servers    *roster.Roster  // kept up to date by the caller
	Heartbeats stream.Writer   // to emostream-servers
	Controls   *controls.Table // kept up to date by the caller; nil: nothing is ever in force
	// Tickets check the tickets of listeners and sign heartbeats, and Gate checks tokens.
	// With either only who has a ticket or a token may listen.
	Tickets *ticket.Keys
	Gate    *access.Gate
	// TopicsGone returns an error if the server's topic or emostream-servers is gone;
	// default: neither ever is.
	TopicsGone func() error

	Logger  *slog.Logger
	Metrics prometheus.Registerer // nil: none
	// PassedOver is told of records that are no swarms; default: it logs to Logger, and
	// counts in Metrics.
	PassedOver *passedover.Reporter
}

func (c Config) withDefaults() Config {
	if c.Cluster == "" {
		c.Cluster = "cluster_1"
	}
	if c.Capacity == 0 {
		c.Capacity = 10_000
	}
	if c.AcceptRate == 0 {
		c.AcceptRate = 2000
	}
	if c.WindowBytes == 0 {
		c.WindowBytes = 64 << 20
	}
	if c.Shards == 0 {
		c.Shards = min(runtime.GOMAXPROCS(0), 16)
	}
	if c.StallTimeout == 0 {
		c.StallTimeout = 10 * time.Second
	}
	if c.KeepAlive == 0 {
		c.KeepAlive = 15 * time.Second
	}
	if c.Retry == 0 {
		c.Retry = 2 * time.Second
	}
	if c.DrainSpread == 0 {
		c.DrainSpread = 3 * time.Second
	}
	if c.Repeats == 0 {
		c.Repeats = 100
	}
	if c.Lateness == 0 {
		c.Lateness = windowing.DefaultLateness
	}
	if c.TopicsGone == nil {
		c.TopicsGone = func() error { return nil }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Server is a subscriber server.
type Server struct {
	cfg              Config
	instance         string
	started          time.Time
	hub              *Hub
	shards           []*shard
	nextShard        atomic.Uint32 // modulo their number, the shard that got the last listener
	acceptRate       *rate.Limiter
	addressRates     *quota.Limiter    // of single addresses
	shares           *httpserve.Shares // of the places, for single addresses
	people           access.People     // whose shares are their own
	retry            frame             // how long to wait before coming back; begins every stream
	keepAliveComment frame
	keepAliveEvent   frame // for those who ask for it
	metrics          metrics
	clients          atomic.Int64  // streams that are open
	opened           atomic.Int64  // streams since the start
	moves            atomic.Int64  // how often a stream was opened or closed, since the start
	filled           chan struct{} // closed when the hub has what was in the topic at the start
	claimed          atomic.Bool   // the name is this server's
	lastBeat         int64         // time of the last heartbeat, ms
}

// New returns a server.
func New(cfg Config) *Server {
	cfg = cfg.withDefaults()
	if cfg.PassedOver == nil {
		cfg.PassedOver = passedover.New("subscribe", cfg.Logger, cfg.Metrics)
	}
	s := &Server{
		cfg: cfg, instance: rand.Text(), started: time.Now(), hub: NewHub(cfg.Repeats, cfg.Lateness, cfg.WindowBytes), filled: make(chan struct{}),
		addressRates:     quota.New(addressRate(cfg.AcceptRate), acceptKeys),
		people:           access.NewPeople(),
		shares:           httpserve.NewShares(httpserve.Quarter(int64(cfg.Capacity))),
		acceptRate:       rate.NewLimiter(rate.Limit(cfg.AcceptRate), cfg.AcceptRate),
		retry:            newFrame(func(b []byte) []byte { return sse.AppendRetry(b, cfg.Retry) }),
		keepAliveComment: newFrame(func(b []byte) []byte { return sse.AppendComment(b, "") }),
		keepAliveEvent: newFrame(func(b []byte) []byte {
			return sse.AppendEvent(b, sse.Event{Name: "heartbeat", Data: []byte("{}")})
		}),
	}
	s.metrics = newMetrics(cfg.Metrics, s)
	for range cfg.Shards {
		s.shards = append(s.shards, newShard(s))
	}
	return s
}

// now returns the time since the server began. Setting the machine's clock does not
// change it.
func (s *Server) now() time.Duration { return time.Since(s.started) }

// URL returns the base URL that clients reach the server under.
func (s *Server) URL() string { return s.cfg.URL }

// Clients returns how many streams are open now.
func (s *Server) Clients() int { return int(s.clients.Load()) }

// Ready returns why the server cannot be used now; nil when it can.
func (s *Server) Ready() error {
	if !s.isFilled() {
		return fmt.Errorf("the recent windows of %s are not read yet: wait, and see whether kafka can be reached if it takes long", s.cfg.Topic)
	}
	if !s.claimed.Load() {
		return fmt.Errorf("the name %s is not claimed yet: wait until its former owner has been silent for some seconds", s.cfg.Name)
	}
	return s.cfg.TopicsGone()
}

// isFilled says whether the hub has what was in the topic at the start.
func (s *Server) isFilled() bool {
	select {
	case <-s.filled:
		return true
	default:
		return false
	}
}

// Run follows the topic from offset on and announces the server, until ctx ends. End
// is where the topic ended when the server began. When ctx ends, Run announces that
// the server drains, waits until drained is closed, announces that it is gone, and
// returns nil.
//
// It returns a [NameTakenError] when another live server has the name, and an error
// when the topic cannot be followed. Then it does not wait for drained.
//
// Run may be called once.
func (s *Server) Run(ctx context.Context, offset, end int64, drained <-chan struct{}) error {
	g, both := errgroup.WithContext(ctx)
	s.applyControls(time.Now()) // before anything is sent
	g.Go(func() error { s.obey(both); return nil })
	g.Go(func() error { return s.follow(both, offset, end) })
	g.Go(func() error {
		if err := s.announce(both); err != nil || !s.claimed.Load() {
			return err
		}
		last := context.WithoutCancel(ctx)
		_ = s.sendHeartbeat(last, wire.StateDraining)
		if ctx.Err() != nil { // else Run has failed, and the caller drains only after it returns
			<-drained
		}
		_ = s.sendHeartbeat(last, wire.StateGone)
		return nil
	})
	return g.Wait()
}

// follow publishes the swarms of the topic in the hub.
func (s *Server) follow(ctx context.Context, offset, end int64) error {
	swept, filled := time.Now(), false
	err := stream.Follow(ctx, s.cfg.Log, offset, end, func(b stream.Batch) {
		s.cfg.PassedOver.Batch(s.cfg.Topic, 0, b)
		for _, r := range b.Records {
			s.publish(r, filled)
		}
		if len(b.Records) > 0 {
			s.wakeShards() // once for all of them
		}
		if now := time.Now(); now.Sub(swept) > time.Minute {
			swept = now
			s.hub.Sweep(now)
		}
	}, func() {
		filled = true
		close(s.filled)
		s.wakeShards()
	})
	if err != nil {
		return fmt.Errorf("follow %s: %w", s.cfg.Topic, err)
	}
	return nil
}

// publish publishes the swarm of a record in the hub. live says that the record was
// written after the server began.
func (s *Server) publish(r stream.Record, live bool) {
	swarm, err := decodeSwarm(r.Value)
	if err == nil && swarm.Window.End > s.hub.latestEnd(time.Now()) {
		err = fmt.Errorf("its window ends at %v, far ahead of the clock", wire.Time(swarm.Window.End))
	}
	news := false
	if err == nil {
		news, err = s.hub.Publish(swarm)
	}
	if err != nil {
		s.cfg.PassedOver.Record(s.cfg.Topic, 0, r.Offset, err)
		return
	}
	if news {
		s.metrics.swarms.Inc()
		if live {
			s.metrics.delay.Observe(time.Since(time.UnixMilli(swarm.Window.End)).Seconds())
		}
		s.cfg.Logger.Debug("swarm", "channel", swarm.Channel, "end", time.UnixMilli(swarm.Window.End).UTC().Format(wire.TimeFormat), "total", swarm.Total)
	}
}

// wakeShards tells the shards to write what is new.
func (s *Server) wakeShards() {
	for _, sh := range s.shards {
		sh.Wake()
	}
}
