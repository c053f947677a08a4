// Package ingest takes reactions in over HTTP and puts them into the log. It
// answers 200 only when the log has acknowledged a reaction; what it refuses, it
// refuses by name, and what it cannot be sure of it calls in doubt.
package ingest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/stream"
)

// Log is where reactions go.
type Log interface {
	// Append puts records into the log together and returns when they are
	// there. Its error wraps stream.ErrNotWritten or stream.ErrInDoubt. It does
	// not keep the records.
	Append(ctx context.Context, records []stream.Record) error
}

const jsonType = "application/json"

// Limits of requests.
const (
	maxSingle  = 16 << 10 // bytes of one reaction
	maxArray   = 4 << 20  // bytes of an array
	maxItems   = 10_000   // reactions in an array
	maxErrors  = 100      // errors listed in the answer to a stream
	maxPalette = 10       // emojis named to those who send another

	lineBuffer = 64 << 10 // bytes of a stream that are read at once

	chunkRecords = 5_000     // records appended at once
	chunkBytes   = 512 << 10 // bytes of their values
)

// MaxBody is the most bytes of a body that is read whole.
const MaxBody = maxArray

// MaxRecords is the most records that are appended to the log at once.
const MaxRecords = chunkRecords + maxCount - 1

// Config says where reactions go and what is accepted.
type Config struct {
	Log Log
	// MaxChannels is how many channels may be active at once; default 1,000. A
	// channel is active for a minute after its last reaction.
	MaxChannels int
	// Allowed narrows the emojis that are accepted; empty: all.
	Allowed []emoji.Emoji
	Bounds  Bounds // on what is in flight
	Quotas  Quotas // for each client

	Logger  *slog.Logger
	Metrics prometheus.Registerer // nil: none
}

// Handler serves the calls that take reactions in.
type Handler struct {
	cfg      Config
	allowed  map[string]bool // nil: all
	palette  string          // the first of those allowed, for people
	channels channels
	gate     gate
	quotas   quotas
	accepted prometheus.Counter
	refused  *prometheus.CounterVec

	scratches sync.Pool // of *scratch

	last atomic.Int64 // acceptance, in ms since 1970; 0: none
}

// New returns a handler.
func New(cfg Config) *Handler {
	if cfg.MaxChannels == 0 {
		cfg.MaxChannels = 1000
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	f := promauto.With(cfg.Metrics)
	h := &Handler{
		cfg:       cfg,
		channels:  channels{limit: cfg.MaxChannels},
		gate:      gate{Bounds: cfg.Bounds.withDefaults()},
		quotas:    newQuotas(cfg.Quotas),
		scratches: sync.Pool{New: func() any { return &scratch{contentType: []string{jsonType}} }},
		accepted:  f.NewCounter(prometheus.CounterOpts{Name: "emostream_reactions_accepted_total", Help: "Reactions that the log has acknowledged."}),
		refused: f.NewCounterVec(prometheus.CounterOpts{
			Name: "emostream_reactions_refused_total", Help: "Requests, or items of one, that were refused, by the code of the answer.",
		}, []string{"code"}),
	}
	for _, code := range []string{"not_written", "in_doubt", "overloaded", "rate_limited"} {
		h.refused.WithLabelValues(code) // so that the first one is seen as an increase
	}
	h.gate.measure(f)
	if len(cfg.Allowed) > 0 {
		h.allowed = map[string]bool{}
		for _, e := range cfg.Allowed {
			if !h.allowed[string(e)] && len(h.allowed) < maxPalette {
				h.palette += " " + string(e)
			}
			h.allowed[string(e)] = true
		}
	}
	return h
}

// LastAccepted is when a reaction was last accepted; zero if none was.
func (h *Handler) LastAccepted() time.Time {
	if ms := h.last.Load(); ms != 0 {
		return time.UnixMilli(ms)
	}
	return time.Time{}
}

// Routes adds the calls to a mux.
func (h *Handler) Routes(mux *http.ServeMux) {
	mux.Handle("/send_emoji", httpserve.Methods(h.plain(h.sendEmoji), http.MethodPost))
	mux.Handle("/v1/reactions", httpserve.Methods(h.plain(h.reactions), http.MethodPost))
}

// plain refuses bodies that are compressed.
func (h *Handler) plain(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
			hangUp(w)
			h.refuse(w, r, httpserve.Refusalf(http.StatusUnsupportedMediaType, "unsupported_media_type", "content encoding %.64q is not taken: send it as it is", e))
			return
		}
		next(w, r)
	}
}

// sendEmoji takes one reaction, as the Python system did.
func (h *Handler) sendEmoji(w http.ResponseWriter, r *http.Request) {
	h.bounded(w, r, maxSingle)
}

// reactions takes one reaction, an array of them, or a stream of lines.
func (h *Handler) reactions(w http.ResponseWriter, r *http.Request) {
	if mediaType(r) == "application/x-ndjson" {
		h.streamed(w, r)
		return
	}
	h.bounded(w, r, maxArray)
}

func (h *Handler) single(w http.ResponseWriter, r *http.Request, limit int64) {
	s, _ := h.scratches.Get().(*scratch)
	defer s.release(&h.scratches)
	body, problem := s.read(w, r, limit)
	if problem != nil {
		h.refuse(w, r, problem)
		return
	}
	if limit == maxArray && bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
		h.array(w, r, body)
		return
	}
	one, problem := h.parse(body, h.quotas.from(r))
	if problem != nil {
		h.refuse(w, r, problem)
		return
	}
	now := time.Now()
	s.batch.add(one, now.UnixMilli())
	if err := h.append(r.Context(), s.batch.records, now); err != nil {
		h.refuse(w, r, logProblem(err))
		return
	}
	w.Header()["Content-Type"] = s.contentType
	_, _ = w.Write(s.queued(now.UnixMilli())) // a client that left needs no answer
}

// parse reads one tap, of an address, and applies what the operator has narrowed.
func (h *Handler) parse(b []byte, from uint64) (reaction, *httpserve.Refusal) {
	one, problem := parse(b)
	if problem != nil {
		return one, problem
	}
	if h.allowed != nil && !h.allowed[one.Emoji] {
		return one, httpserve.Refusalf(http.StatusUnprocessableEntity, "emoji_not_allowed", "emoji_type: %s is not one of those that this server takes: send one such as%s", one.Emoji, h.palette)
	}
	if problem := h.quotas.take(one, from); problem != nil {
		return one, problem
	}
	if !h.channels.admit(one.Channel) {
		return one, httpserve.Refusalf(http.StatusUnprocessableEntity, "too_many_channels",
			"channel %q would be one more than the %d that may be active at once: use an active one, or wait a minute", one.Channel, h.cfg.MaxChannels)
	}
	return one, nil
}

// append puts records into the log and counts them.
func (h *Handler) append(ctx context.Context, records []stream.Record, at time.Time) error {
	if err := h.cfg.Log.Append(ctx, records); err != nil {
		return err
	}
	h.accepted.Add(float64(len(records)))
	for ms, last := at.UnixMilli(), h.last.Load(); ms > last; last = h.last.Load() { // the log may answer in another order
		if h.last.CompareAndSwap(last, ms) {
			break
		}
	}
	return nil
}

// logProblem is what a client is told when the log did not acknowledge.
func logProblem(err error) *httpserve.Refusal {
	if errors.Is(err, stream.ErrNotWritten) {
		return &httpserve.Refusal{
			Status: http.StatusServiceUnavailable, Code: "not_written", RetryAfter: time.Second,
			Message: "the reaction was not written, because kafka did not take it: send it again after a second",
		}
	}
	return &httpserve.Refusal{
		Status: http.StatusServiceUnavailable, Code: "in_doubt", RetryAfter: time.Second,
		Message: "the reaction may or may not have been written, because kafka's answer is missing: sent again, it may count twice",
	}
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, p *httpserve.Refusal) {
	h.refused.WithLabelValues(p.Code).Inc()
	if h.cfg.Logger.Enabled(r.Context(), slog.LevelDebug) {
		h.cfg.Logger.Debug("refused", "path", r.URL.Path, "from", r.RemoteAddr, "request_id", httpserve.RequestID(w, r), "code", p.Code, "error", p.Message)
	}
	p.ServeHTTP(w, r)
}

// tooSlow is what a client is told that takes its time. Its connection is of no
// more use.
func tooSlow(message string) *httpserve.Refusal {
	return &httpserve.Refusal{Status: http.StatusRequestTimeout, Code: "too_slow", Message: message}
}

// onItsWay is how long a body that nobody wants may take to arrive. A connection
// that is closed while it comes in would take the answer with it.
const onItsWay = 500 * time.Millisecond

// hangUp bounds the time for which the rest of a body is read, which net/http does
// before it sends an answer: a client may never end its stream, and wait.
func hangUp(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(onItsWay))
}

// mediaType is the request's content type without parameters; empty when it is
// missing, malformed, or of another encoding than UTF-8.
func mediaType(r *http.Request) string {
	declared := r.Header.Get("Content-Type")
	if declared == jsonType {
		return jsonType
	}
	t, parameters, err := mime.ParseMediaType(declared)
	if charset := parameters["charset"]; err != nil || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return ""
	}
	return t
}
