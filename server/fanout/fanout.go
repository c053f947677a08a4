// Package fanout is a subscriber server: it follows the swarms of its topic and
// sends them to everyone who listens, over Server-Sent Events. It announces
// itself to the rest with a heartbeat that carries its true number of clients.
//
// Ten thousand listeners cost little here because they share everything. The hub
// encodes a swarm once. A connection is a cursor in its channel and no queue,
// since a window is a snapshot: whoever is slow goes on with the newest, and
// nobody waits for him. A few shards write to all, without a goroutine, a timer
// or a buffer for each: on plain HTTP/1.1 the socket is taken from net/http, and
// written to for as long as it takes bytes (socket); else the goroutine of the
// request writes what the shard hands it (relay). What becomes of a connection is
// decided in one place for both (conn, shard).
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

	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// Config says who the server is and how it treats its clients.
type Config struct {
	Name    string // like sub1; the path of the stream of single emojis
	Cluster string // default cluster_1
	URL     string // base URL that clients reach it under
	Topic   string // of its swarms
	Version string // of the program

	// Capacity is how many connections it takes at most; default 10,000.
	Capacity int
	// AcceptRate is how many streams it opens in a second at most, and at once;
	// whoever comes beyond is asked to come back later. Default 2,000.
	AcceptRate int
	// Shards is how many goroutines write to clients; default one for each
	// processor, and at most 16.
	Shards int
	// StallTimeout is how long a client may keep a frame waiting; default 10 s.
	StallTimeout time.Duration
	// Heartbeat is how long a stream is silent at most: then it gets a comment. It
	// may come up to a second before. Default 15 s.
	KeepAlive time.Duration
	// Retry is what clients are told to wait before they come back; default 2 s.
	Retry time.Duration
	// DrainSpread is the time over which clients are let go when the server leaves,
	// and over which those that it cannot take now are asked to come back. Default 3 s.
	DrainSpread time.Duration
	// Repeats is how often an emoji comes at most for one window in the stream
	// of single emojis; default 100.
	Repeats int
	// Lateness is how far back a client that resumes is told of windows that
	// were revised; default 10 s, aggregate's own.
	Lateness time.Duration

	Log        stream.Reader  // of its topic
	Servers    *roster.Roster // kept up to date by the caller
	Heartbeats stream.Writer  // to emostream-servers

	Logger  *slog.Logger
	Metrics prometheus.Registerer // nil: none
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
		c.Lateness = 10 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Server is a subscriber server.
type Server struct {
	cfg      Config
	instance string
	started  time.Time
	hub      *Hub
	shards   []*shard
	next     atomic.Uint32 // in turn, the shard that gets a connection
	arrivals *rate.Limiter // of streams
	retry    frame         // the beginning of a stream
	comment  frame         // the heartbeat of a stream
	metrics  metrics
	clients  atomic.Int64
	opened   atomic.Int64  // streams, since the start
	moves    atomic.Int64  // clients that ever came, and that ever left
	filled   chan struct{} // closed once the ring holds what was in the topic at the start
	claimed  atomic.Bool   // the name is ours
}

// New returns a server.
func New(cfg Config) *Server {
	cfg = cfg.withDefaults()
	s := &Server{
		cfg: cfg, instance: rand.Text(), started: time.Now(), hub: NewHub(cfg.Repeats, cfg.Lateness), filled: make(chan struct{}),
		arrivals: rate.NewLimiter(rate.Limit(cfg.AcceptRate), cfg.AcceptRate), retry: newFrame(func(b []byte) []byte { return sse.AppendRetry(b, cfg.Retry) }),
		comment: newFrame(func(b []byte) []byte { return sse.AppendComment(b, "") }),
	}
	s.metrics = newMetrics(cfg.Metrics, s)
	for range cfg.Shards {
		s.shards = append(s.shards, newShard(s))
	}
	return s
}

// now is the time since the server began, which goes on evenly whatever is done to
// the clock.
func (s *Server) now() time.Duration { return time.Since(s.started) }

// enter counts a client in, unless the server is full.
func (s *Server) enter() bool {
	for {
		n := s.clients.Load()
		if n >= int64(s.cfg.Capacity) {
			return false
		}
		if s.clients.CompareAndSwap(n, n+1) {
			s.opened.Add(1)
			s.moves.Add(1)
			return true
		}
	}
}

func (s *Server) exit() {
	s.clients.Add(-1)
	s.moves.Add(1)
}

// URL is the base URL that clients reach the server under.
func (s *Server) URL() string { return s.cfg.URL }

// Clients is how many streams are open now.
func (s *Server) Clients() int { return int(s.clients.Load()) }

// Ready says why the server cannot be used yet; nil when it can.
func (s *Server) Ready() error {
	if !s.isFilled() {
		return fmt.Errorf("the recent windows of %s are not read yet: wait, and see whether kafka can be reached if it takes long", s.cfg.Topic)
	}
	if !s.claimed.Load() {
		return fmt.Errorf("the name %s is not claimed yet: wait until its former owner has been silent for some seconds", s.cfg.Name)
	}
	return nil
}

func (s *Server) isFilled() bool {
	select {
	case <-s.filled:
		return true
	default:
		return false
	}
}

// Drain lets all clients go, over DrainSpread, and returns when the last one has
// left. Those that come after that are let go at once.
func (s *Server) Drain() {
	for _, sh := range s.shards {
		defer func(gone <-chan struct{}) { <-gone }(sh.Drain(s.cfg.DrainSpread))
	}
}

// tell has the shards tell their clients what is new.
func (s *Server) tell() {
	for _, sh := range s.shards {
		sh.Tell()
	}
}

// Run follows the topic from offset on, where the log ended at end when the
// server began, and announces the server until ctx ends. Then it says that it
// drains, and, once drained has been closed, that it is gone, and returns nil. It
// fails when another live server has its name, and when the topic cannot be
// followed; then it waits for nothing. It runs once.
func (s *Server) Run(ctx context.Context, offset, end int64, drained <-chan struct{}) error {
	g, both := errgroup.WithContext(ctx)
	g.Go(func() error { return s.follow(both, offset, end) })
	g.Go(func() error {
		if err := s.announce(both); err != nil || !s.claimed.Load() {
			return err
		}
		last := context.WithoutCancel(ctx)
		_ = s.beat(last, wire.StateDraining)
		if ctx.Err() != nil { // else the caller has yet to hear that it failed
			<-drained
		}
		_ = s.beat(last, wire.StateGone)
		return nil
	})
	return g.Wait()
}

// follow feeds the hub.
func (s *Server) follow(ctx context.Context, offset, end int64) error {
	sweep, filled := time.Now(), false
	err := stream.Follow(ctx, s.cfg.Log, offset, end, func(b stream.Batch) {
		for _, r := range b.Records {
			s.take(r, filled)
		}
		if len(b.Records) > 0 {
			s.tell() // of all at once
		}
		if now := time.Now(); now.Sub(sweep) > time.Minute {
			sweep = now
			s.hub.Sweep(now)
		}
	}, func() {
		filled = true
		close(s.filled)
		s.tell()
	})
	if err != nil {
		return fmt.Errorf("follow %s: %w", s.cfg.Topic, err)
	}
	return nil
}

// take hands a record to the hub; live says that it is no history.
func (s *Server) take(r stream.Record, live bool) {
	swarm, err := wire.DecodeSwarm(r.Value)
	if err != nil {
		s.cfg.Logger.Warn("a record was passed over", "topic", s.cfg.Topic, "offset", r.Offset, "error", err)
		return
	}
	news, err := s.hub.Publish(swarm)
	if err != nil {
		s.cfg.Logger.Warn("a record was passed over", "topic", s.cfg.Topic, "offset", r.Offset, "error", err)
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
