// Package ingest takes reactions in over HTTP and puts them into the log. It
// answers 200 only when the log has acknowledged a reaction. Every refusal has a
// code, and says whether the reaction is certainly not in the log.
//
// A request goes through the files in one direction:
//
//	routes.go            which kind of body it has
//	client.go            who sent it, and whether that one may send at all
//	in_flight_limit.go   whether there is room for it now
//	body_limits.go       reading a body
//	single.go, array.go, ndjson.go
//	                     one reaction, an array, or a stream of lines, the latter two
//	                     when it is their turn (bulk_turns.go)
//	validation.go        what a reaction must be (bad_json.go says what is wrong), whether
//	                     its client may send it, and whether this server takes it:
//	                     allowed_emojis.go, allowed_channels.go, controls.go, quotas.go,
//	                     active_channels.go
//	log_append.go        into the log, in batches
//	answers.go           what the client is told
//
// config_call.go tells pages how this server is set.
package ingest

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/server/access"
)

// Log is where reactions go.
type Log interface {
	// Append puts records into the log together and returns when they are
	// there. Its error wraps stream.ErrNotWritten or stream.ErrInDoubt. It does
	// not keep the records.
	Append(ctx context.Context, records []stream.Record) error
}

// Config says where reactions go and what is accepted.
type Config struct {
	Log Log
	// Channels are the channels that may be used; zero value: all.
	Channels Channels
	// MaxChannels is how many channels may be active at one time; default 1,000. A
	// channel is active for a minute after its last reaction.
	MaxChannels int
	// Allowed are the emojis that are accepted; empty: all.
	Allowed []emoji.Emoji
	Bounds  Bounds // on what is in flight
	Quotas  Quotas // for each client
	// Proxies are the proxies that are trusted to name the address of a client.
	Proxies httpserve.Proxies
	// Gate says who may send; nil: everybody.
	Gate *access.Gate
	// Controls are what managers have set while an event runs; nil: nothing.
	Controls *controls.Table
	// Window returns how long a window is, for those who ask for the settings; 0: it is not
	// known yet. Nil: it never is.
	Window func() time.Duration
	// LoginURL is where people get a token, for those who ask for the settings; "": nowhere.
	LoginURL string

	Logger  *slog.Logger
	Metrics prometheus.Registerer // nil: none
}

func (c Config) withDefaults() Config {
	if c.MaxChannels == 0 {
		c.MaxChannels = 1000
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Bounds = c.Bounds.withDefaults()
	return c
}

// Handler serves the calls that take reactions in.
type Handler struct {
	cfg      Config
	emojis   allowedEmojis
	channels *activeChannels
	inFlight *inFlight
	quotas   quotas
	people   access.People
	managed  managed
	turns    *bulkTurns
	accepted prometheus.Counter
	refused  *prometheus.CounterVec

	buffers sync.Pool // of *buffers

	lastAccepted atomic.Int64 // ms since 1970; 0: never
}

// New returns a handler.
func New(cfg Config) *Handler {
	cfg = cfg.withDefaults()
	f := promauto.With(cfg.Metrics)
	h := &Handler{
		cfg:      cfg,
		emojis:   newAllowedEmojis(cfg.Allowed),
		channels: newActiveChannels(cfg.MaxChannels),
		inFlight: newInFlight(cfg.Bounds),
		quotas:   newQuotas(cfg.Quotas),
		people:   access.NewPeople(),
		managed:  managed{table: cfg.Controls},
		turns:    newBulkTurns(),
		buffers:  sync.Pool{New: func() any { return &buffers{contentType: []string{"application/json"}} }},
		accepted: f.NewCounter(prometheus.CounterOpts{Name: "emostream_reactions_accepted_total", Help: "Reactions that the log has acknowledged."}),
		refused: f.NewCounterVec(prometheus.CounterOpts{
			Name: "emostream_reactions_refused_total", Help: "Requests, or items of one, that were refused, by the code of the answer.",
		}, []string{"code"}),
	}
	for _, code := range []string{"not_written", "in_doubt", "overloaded", "rate_limited"} {
		h.refused.WithLabelValues(code) // so that the first one is seen as an increase
	}
	h.inFlight.register(f)
	return h
}

// LastAccepted returns when a reaction was last accepted. It returns the zero time if
// none was.
func (h *Handler) LastAccepted() time.Time {
	if ms := h.lastAccepted.Load(); ms != 0 {
		return time.UnixMilli(ms)
	}
	return time.Time{}
}
